import Bytes
import Files
import Interchange
package import ObjectStore
package import ReplicaCatalog
import ReplicaFormat

/// Writes one state of a replica for `litestream restore` 0.5.
///
/// Litestream's number of the transaction is ours. A large database becomes several files, one for
/// each `partSize` bytes of pages. The first, of level 9, holds the beginning. Each other file adds
/// the next pages, and the last one ends with our number. Without the first file nothing can be
/// restored, so it is written last.
///
/// Litestream reads from level 0 alone how far a replica reaches. So there is always a file of that
/// level, with one transaction like all of them: for a small database it holds only the first page
/// once more.
package struct LitestreamExport {
  package let catalog: ReplicaCatalog
  package let output: any ObjectStore
  /// Whether level names are those of a directory or of S3.
  package let isDirectory: Bool
  /// The state to write; the newest by default.
  package var target = RestoreTarget()
  /// The database is put together beside this file; nil for `$TMPDIR`.
  package var place: String?
  /// Bytes of pages in a file; memory holds this number.
  package var partSize = 64 << 20
  package var patience = 60.0
  package var isInterrupted: (@Sendable () -> Bool)?
  package var watch: ((_ measure: @escaping @Sendable () -> (done: Int, total: Int?)) -> Void)?

  package init(_ catalog: ReplicaCatalog, to output: any ObjectStore, isDirectory: Bool) {
    self.catalog = catalog
    self.output = output
    self.isDirectory = isDirectory
  }

  /// The result of an export.
  package struct Report: Sendable {
    package let transaction: UInt64
    /// Microseconds since 1970.
    package let time: Int64
    package let files: Int
    package let bytes: Int
    package let notices: [String]
  }

  package func run() throws -> Report {
    let replica = LitestreamReplica(output, patience: patience, isInterrupted: isInterrupted)
    defer { replica.source.stop() }
    guard try replica.items().isEmpty else {
      throw RestoreError(.exists, "\(output.url) holds a replica of Litestream: name an empty place")
    }
    let work = try place.map { try WorkFolder(beside: $0, for: "exporting") } ?? WorkFolder()
    defer { work.remove() }
    let path = work.path + "/database"
    var restore = Restore(catalog)
    restore.target = target
    restore.patience = patience
    restore.isInterrupted = isInterrupted
    restore.watch = watch
    let restored = try restore.run(.wal, to: path)
    let written = try write(File(path, .read), restored.transaction, restored.time, replica)
    return Report(
      transaction: written.transaction, time: restored.time, files: written.files, bytes: written.bytes,
      notices: restored.notices)
  }

  private func write(
    _ file: File, _ transaction: UInt64, _ time: Int64, _ replica: LitestreamReplica
  ) throws -> (transaction: UInt64, files: Int, bytes: Int) {
    let head = try file.read(at: 0, count: 100)
    guard head.count == 100 else {
      throw RestoreError(.nothing, "export \(catalog.store.url): the database is empty")
    }
    // 1 stands for 65536 (https://www.sqlite.org/fileformat2.html#page_size).
    let told = Int(head.bigEndian(UInt16.self, at: 16))
    let pageSize = told == 1 ? 65536 : told
    let pages = UInt32(try file.size() / pageSize)
    let header = LTXHeader(
      pageSize: pageSize, pageCount: pages, transactions: 1...1, milliseconds: time / 1000)
    var bytes = 0
    let files = files(of: header, transaction)
    for part in files.reversed() {
      var header = header
      header.pageCount = part.pageCount
      header.transactions = part.name.transactions
      header.tellsFrame = part.name.level == 0
      var writer = LTXWriter(header)
      for number in part.pages where number != header.lockPage {
        if number % 1024 == 0 { try replica.source.checkInterrupt() }
        writer.add(try file.read(at: Int(number - 1) * pageSize, count: pageSize), number: number)
      }
      writer.finish()
      try put(writer.bytes, part.name, replica.source)
      bytes += writer.bytes.count
    }
    return (files.last?.name.transactions.upperBound ?? 0, files.count, bytes)
  }

  private struct Part {
    let name: LTXName
    let pages: ClosedRange<UInt32>
    /// Pages of the database after the part is applied.
    let pageCount: UInt32
  }

  private func files(of header: LTXHeader, _ transaction: UInt64) -> [Part] {
    let layout: LTXName.Layout = isDirectory ? .directory : .s3
    let (pages, step) = (header.pageCount, UInt32(max(partSize / header.pageSize, 1)))
    let count = (UInt64(pages) + UInt64(step) - 1) / UInt64(step)
    let last = max(transaction, count, 2)
    let first = LTXName(level: LTXName.snapshotLevel, transactions: 1...last - count + 1, layout: layout)
    var parts = [Part(name: first, pages: 1...min(step, pages), pageCount: min(step, pages))]
    guard count > 1 else {
      let again = LTXName(level: 0, transactions: last...last, layout: layout)
      return parts + [Part(name: again, pages: 1...1, pageCount: pages)]
    }
    for index in 1..<count {
      let number = last - count + 1 + index
      let start = UInt32(index) * step + 1
      let end = UInt32(min(UInt64(index + 1) * UInt64(step), UInt64(pages)))
      parts.append(
        Part(
          name: LTXName(level: 0, transactions: number...number, layout: layout), pages: start...end,
          pageCount: end))
    }
    return parts
  }

  private func put(_ bytes: [UInt8], _ name: LTXName, _ source: ObjectSource) throws {
    let key = try ObjectKey(name.key)
    try source.retry { attempt in
      do throws(ObjectStoreError) {
        try output.put(key, bytes, .ifAbsent)
      } catch {
        // An attempt without an answer may have stored it.
        guard error.code == .preconditionFailed, attempt > 0 else { throw error }
      }
    }
  }
}
