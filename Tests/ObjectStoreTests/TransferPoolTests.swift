import Dispatch
import Glibc
import ObjectStore
import Synchronization
import Testing

@Suite struct TransferPoolTests {
  /// Niceness of the threads that some jobs run on.
  private func niceness(isBackground: Bool) -> Set<Int32> {
    let found = Mutex<Set<Int32>>([])
    let pool = TransferPool("test", threads: 4, isBackground: isBackground)
    let group = DispatchGroup()
    for _ in 0..<20 {
      pool.run(in: group) {
        let own = getpriority(__priority_which_t(0), 0)
        found.withLock { _ = $0.insert(own) }
      }
    }
    group.wait()
    return found.withLock { $0 }
  }

  #if compiler(>=6.1)
    /// Its threads belong to no other pool.
    @Test func onlyABackgroundPoolGivesWay() {
      let usual = getpriority(__priority_which_t(0), id_t(getpid()))
      for _ in 0..<5 {
        #expect(niceness(isBackground: true).allSatisfy { $0 > usual || usual >= 10 })
        #expect(niceness(isBackground: false) == [usual])
      }
    }
  #endif
}
