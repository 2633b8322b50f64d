/// Valid answers of a server, and a valid profile file.
enum ServerSeeds {
  static let listing =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
    + "<Name>bucket</Name><Prefix>prefix/generations/</Prefix><Marker></Marker><MaxKeys>1000</MaxKeys>"
    + "<IsTruncated>true</IsTruncated><NextMarker>prefix/generations/9</NextMarker>"
    + "<Contents><Key>prefix/generations/00000003-00000abc/wal/0000000000000001-0000000000000002</Key>"
    + "<LastModified>2026-11-30T01:02:03.000Z</LastModified><ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag>"
    + "<Size>9223372036854775807</Size><StorageClass>STANDARD</StorageClass>"
    + "<Owner><ID>1</ID><DisplayName>a</DisplayName></Owner></Contents>"
    + "<CommonPrefixes><Prefix>prefix/generations/a/</Prefix></CommonPrefixes></ListBucketResult>"

  static let error =
    "<?xml version=\"1.0\"?>\n<Error><Code>PermanentRedirect</Code><Message>secret is elsewhere</Message>"
    + "<Region>eu-north-1</Region><Endpoint>bucket.s3.eu-north-1.amazonaws.com</Endpoint></Error>"

  static let answers = [
    "HTTP/1.1 206 Partial Content\r\nETag: \"0123456789abcdef0123456789abcdef\"\r\nContent-Length: 7\r\n"
      + "Content-Range: bytes 2-8/99\r\nDate: Mon, 30 Nov 2026 08:53:26 GMT\r\nServer: x\r\n\r\n7 bytes",
    "HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-1\r\nLocation: http://bucket.s3.eu-west-1.amazonaws.com:80/a?b=%41\r\n"
      + "\r\n" + error,
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nDate: Mon, 30 Nov 2026 08:53:26 GMT\r\n\r\n"
      + "<Error><Code>RequestTimeTooSkewed</Code></Error>",
    "HTTP/1.1 200 OK\r\nETag: \"\"\r\nx-amz-server-side-encryption: aws:kms\r\n\r\n" + error,
    "HTTP/1.1 200 OK\r\n\r\n" + listing,
  ]

  static let profile =
    "# keys\n[default]\naws_access_key_id = AKIA\naws_secret_access_key=secret\n\n[profile other]\nregion = eu-north-1\n"
    + "s3 =\n  max_concurrent_requests = 20\n; comment\n[broken\n=x\n"
}
