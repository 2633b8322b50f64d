import Bytes
import ReplicaFormat
import Testing

@testable import Replicator

/// Tests the decisions of the upload stages, from facts alone.
@Suite struct PacingTableTests {
  @Test(arguments: [
    // now, last start, interval, urgent, decision
    (100.0, -Double.infinity, 1.0, false, Pacing.Decision.send),
    (100, 99.9, 1, false, .wait(0.9)),
    (100, 99, 1, false, .send),
    (100, 90, 1, false, .send),
    (100, 99.9, 1, true, .send),
    (100, 99.9, 0, false, .send),
    // A monotonic clock is never set back, but a start in the future must not wait forever.
    (100, 100.5, 1, false, .wait(1.5)),
  ])
  func slices(now: Double, last: Double, interval: Double, isUrgent: Bool, expected: Pacing.Decision) {
    let decision = Pacing.slice(
      Pacing.SliceFacts(now: now, lastStart: last, interval: interval, isUrgent: isUrgent))
    switch (decision, expected) {
    case (.wait(let left), .wait(let seconds)): #expect(abs(left - seconds) < 1e-9)
    default: #expect(decision == expected)
    }
  }

  @Test func recordsAreWrittenOnceASecond() {
    #expect(Pacing.record(now: 10, lastRecord: -.infinity) == .send)
    #expect(Pacing.record(now: 10, lastRecord: 9) == .send)
    #expect(Pacing.record(now: 10, lastRecord: 9.5) == .wait(0.5))
  }

  @Test(arguments: [
    // last start, bytes, slices' interval, batches' interval, awaited, due
    (50.0, 10, 1.0, 10.0, false, 60.0),
    (50, Pacing.joinedBytes, 1, 10, false, 51),
    (50, Pacing.joinedBytes - 1, 1, 10, false, 60),
    (50, Pacing.joinedBytes, 1, 0.05, false, 50.05),
    (50, 10, 1, 10, true, -Double.infinity),
    (-Double.infinity, 10, 1, 10, false, -Double.infinity),
  ])
  func batches(
    last: Double, bytes: Int, slices: Double, batches: Double, isAwaited: Bool, due: Double
  ) {
    let facts = Pacing.BatchFacts(
      lastStart: last, bytes: bytes, sliceInterval: slices, batchInterval: batches, isAwaited: isAwaited)
    #expect(Pacing.batchesDue(facts) == due)
  }

  @Test(arguments: [
    // log bytes, database bytes, minimum bytes, now, not before, due
    (100, 50, 99, 10.0, -Double.infinity, true),
    (100, 50, 100, 10, -Double.infinity, false),
    (100, 100, 99, 10, -Double.infinity, false),
    (100, 50, 99, 10, 11, false),
    (100, 50, 99, 11, 11, true),
  ])
  func bases(log: Int, database: Int, least: Int, now: Double, notBefore: Double, isDue: Bool) {
    #expect(
      Pacing.isBaseDue(logBytes: log, databaseBytes: database, least: least, now: now, notBefore: notBefore)
        == isDue)
  }

  @Test func aGroupWaitsLessThanHalfAnUpload() {
    for seconds in [0.0001, 0.001, 0.01, 0.1, 5] {
      let wait = Pacing.groupCommitWait(lastPutSeconds: seconds)
      #expect(wait < seconds / 2 && wait <= 0.005)
    }
  }
}

@Suite struct UploadQueueTests {
  private func entry(_ transaction: UInt64, isTurn: Bool = false, bytes: Int = 10) throws -> PendingUpload {
    let generation = try #require(GenerationID(after: nil))
    let id = EntryID.draw()
    return PendingUpload(
      place: Place(generation, transaction: transaction, previous: id), id: id, lastTransaction: transaction,
      state: DatabaseState(pageSize: 512, pages: 1, checksum: .zero), position: nil,
      bytes: [UInt8](repeating: 0, count: bytes), batch: nil, firstTime: Int64(transaction),
      lastTime: Int64(transaction), transactions: isTurn ? nil : transaction...transaction, isPart: false,
      isPartial: false, logBytes: 0)
  }

  @Test func aTurnGoesWithTheSliceAfterIt() throws {
    let queue = UploadQueue(limit: 100)
    queue.append([try entry(1, isTurn: true), try entry(1)])
    queue.append([try entry(2)])
    #expect(queue.take().map(\.isTurn) == [true, false])
    #expect(queue.take().map(\.lastTransaction) == [2])
    #expect(queue.take().isEmpty)
  }

  @Test func isFullFromItsLimitOn() throws {
    let queue = UploadQueue(limit: 30)
    for number in 1...3 as ClosedRange<UInt64> {
      #expect(!queue.isFull)
      queue.append([try entry(number)])
    }
    #expect(queue.isFull && queue.oldest == 1)
    _ = queue.take()
    #expect(!queue.isFull && queue.oldest == 2)
    queue.removeAll()
    #expect(queue.isEmpty && queue.oldest == nil)
  }
}

@Suite struct LockOrderTests {
  @Test func aThreadTakesOnlyLaterLocks() {
    #expect(LockOrder.log.mayFollow(0))
    #expect(LockOrder.progress.mayFollow(1 << LockOrder.log.rawValue | 1 << LockOrder.queue.rawValue))
    #expect(!LockOrder.log.mayFollow(1 << LockOrder.queue.rawValue))
    #expect(!LockOrder.log.mayFollow(1 << LockOrder.log.rawValue))
  }
}
