internal import Digest

/// The bytes of an encrypted object: a header of 56 bytes, then chunks, each with its tag.
///
/// Docs/Format.md describes the layout. Every object has its own secret, derived from the key and a
/// random salt, so no nonce is used twice. Every chunk authenticates header and name. So nothing
/// can be moved, swapped or cut, and a part can be read alone.
package enum SealedObject {
  package static let magic = Array("SQLCS3E1".utf8)
  static let saltSize = 32
  /// Bytes of content in every chunk except the last.
  package static let chunkSize = 65_536
  private static let storedChunkSize = chunkSize + AES256GCM.tagSize

  /// The beginning of an object.
  ///
  /// It is not authenticated by itself.
  package struct Header: Sendable, Hashable {
    package static let size = 56
    let bytes: [UInt8]

    /// Reads the header from an object's first bytes; nil if the object is not encrypted.
    package init?(_ object: [UInt8]) {
      guard object.count >= Self.size, object.starts(with: SealedObject.magic) else { return nil }
      bytes = Array(object[..<Self.size])
      guard length >= 0, length < 1 << 48 else { return nil }
    }

    init(key: EncryptionKey, salt: [UInt8], length: Int) {
      precondition(salt.count == SealedObject.saltSize)
      bytes =
        SealedObject.magic + key.identifier + salt
        + (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    }

    var keyIdentifier: [UInt8] { Array(bytes[8..<16]) }
    var salt: [UInt8] { Array(bytes[16..<48]) }
    /// The identifier of the key, 16 hexadecimal digits.
    package var keyID: String { hex(keyIdentifier) }
    /// Bytes of content.
    package var length: Int { bytes[48...].reversed().reduce(0) { $0 << 8 | Int($1) } }
    /// Bytes of the whole object.
    package var sealedSize: Int { SealedObject.sealedSize(of: length) }
    /// At least one chunk, so that the header is always checked.
    var chunkCount: Int { SealedObject.chunkCount(of: length) }

    /// Returns the positions of a chunk's content.
    func content(of chunk: Int) -> Range<Int> {
      chunk * SealedObject.chunkSize..<min(length, (chunk + 1) * SealedObject.chunkSize)
    }

    /// Returns the chunks to read for a part of the content: at least one.
    func chunks(holding range: Range<Int>) -> ClosedRange<Int> {
      let last = chunkCount - 1
      let first = min(range.lowerBound / SealedObject.chunkSize, last)
      return first...max(first, min((range.upperBound - 1) / SealedObject.chunkSize, last))
    }

    /// Returns the positions of chunks in the object.
    func stored(_ chunks: ClosedRange<Int>) -> Range<Int> {
      Self.size + chunks.lowerBound
        * SealedObject.storedChunkSize..<min(
          sealedSize, Self.size + (chunks.upperBound + 1) * SealedObject.storedChunkSize)
    }
  }

  private static func chunkCount(of length: Int) -> Int { max(1, (length + chunkSize - 1) / chunkSize) }

  /// Returns the size of an object with this number of content bytes.
  package static func sealedSize(of length: Int) -> Int {
    Header.size + length + chunkCount(of: length) * AES256GCM.tagSize
  }

  /// Returns the content bytes of an encrypted object of this size; nil if no object has this size.
  package static func contentSize(ofSealed size: Int) -> Int? {
    let body = size - Header.size
    let chunks = (body + storedChunkSize - 1) / storedChunkSize
    let length = body - chunks * AES256GCM.tagSize
    return length >= 0 && sealedSize(of: length) == size ? length : nil
  }

  /// Returns the bytes to read for the header and the content up to `end`.
  static func stored(upTo end: Int) -> Int {
    Header.size + chunkCount(of: end) * storedChunkSize
  }

  /// Encrypts content under the object's name.
  ///
  /// The salt must be random and used once.
  package static func seal(_ content: [UInt8], name: String, key: EncryptionKey, salt: [UInt8]) -> [UInt8] {
    let header = Header(key: key, salt: salt, length: content.count)
    var cipher = AES256GCM(key: key.derived(for: "object 1", salt: salt))
    let data = header.bytes + Array(name.utf8)
    var sealed = [UInt8](repeating: 0, count: header.sealedSize)
    sealed.replaceSubrange(0..<Header.size, with: header.bytes)
    for chunk in 0..<header.chunkCount {
      cipher.seal(
        content, header.content(of: chunk), nonce: nonce(chunk), authenticating: data, into: &sealed,
        at: header.stored(chunk...chunk).lowerBound)
    }
    return sealed
  }

  /// Decrypts consecutive chunks; nil if they do not belong to this header, name and key.
  ///
  /// `stored` holds the bytes of the object from `start` on.
  static func open(
    _ chunks: ClosedRange<Int>, of header: Header, stored: [UInt8], from start: Int, name: String,
    key: EncryptionKey
  ) -> [UInt8]? {
    let all = header.stored(chunks)
    guard stored.count >= all.upperBound - start else { return nil }
    var cipher = AES256GCM(key: key.derived(for: "object 1", salt: header.salt))
    let data = header.bytes + Array(name.utf8)
    let begin = header.content(of: chunks.lowerBound).lowerBound
    var content = [UInt8](repeating: 0, count: header.content(of: chunks.upperBound).upperBound - begin)
    for chunk in chunks {
      let place = header.stored(chunk...chunk)
      guard
        cipher.open(
          stored, place.lowerBound - start..<place.upperBound - start, nonce: nonce(chunk),
          authenticating: data, into: &content, at: header.content(of: chunk).lowerBound - begin)
      else { return nil }
    }
    return content
  }

  /// Decrypts a whole object; nil if it was not encrypted under this name and key.
  package static func open(_ object: [UInt8], name: String, key: EncryptionKey) -> [UInt8]? {
    guard let header = Header(object), header.keyIdentifier == key.identifier,
      object.count == header.sealedSize
    else { return nil }
    return open(0...header.chunkCount - 1, of: header, stored: object, from: 0, name: name, key: key)
  }

  private static func nonce(_ chunk: Int) -> [UInt8] {
    (0..<AES256GCM.nonceSize).map { $0 < 8 ? UInt8(truncatingIfNeeded: chunk >> (8 * $0)) : 0 }
  }
}
