import Files
import ObjectStore
import Replica
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

/// Tests reads of single pages of any transaction.
@Suite struct PageReaderTests {
  /// Reads every page, in a random order.
  private func pages(_ reader: PageReader, _ random: inout Seeded) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(reader.pageCount) * reader.pageSize)
    for page in (1...max(reader.pageCount, 1)).shuffled(using: &random) where page <= reader.pageCount {
      let start = Int(page - 1) * reader.pageSize
      bytes.replaceSubrange(start..<start + reader.pageSize, with: try reader.page(page))
    }
    return bytes
  }

  @Test(arguments: UInt64(1)...UInt64(Seeded.rounds(6, 20)))
  func everyPageEqualsTheRestoredFile(seed: UInt64) throws {
    let replica = try GeneratedReplica(seed: seed, transactions: Seeded.rounds(40, 200))
    var random = Seeded(seed)
    let folder = try Files.TemporaryFolder()
    let disk = try #require(DiskCache(folder.path + "/cache"))
    // The second time, pages come from the cache on the disk.
    for _ in 0..<2 {
      let past = replica.past(disk: disk)
      for transaction in replica.someTransactions(Seeded.rounds(8, 200)).shuffled(using: &random) {
        let reader = try past.open(GeneratedReplica.target(transaction))
        #expect(reader.moment.transaction == transaction)
        let isSame = try pages(reader, &random) == replica.restored(transaction)
        #expect(isSame, "transaction \(transaction) of seed \(seed)")
      }
    }
  }
}
