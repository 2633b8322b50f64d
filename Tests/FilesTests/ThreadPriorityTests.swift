import Dispatch
import Files
import Synchronization
import Testing

@Suite struct ThreadPriorityTests {
  /// Other queues have other threads, also after those of the background had to do.
  @Test func lowersNoThreadButThoseOfTheBackground() {
    let found = Mutex<(lowered: [Int32], others: [Int32])>(([], []))
    let group = DispatchGroup()
    for round in 0..<40 {
      DispatchQueue(label: "background.\(round)", qos: .background).async(group: group) {
        ThreadPriority.lower()
        found.withLock { $0.lowered.append(ThreadPriority.niceness) }
      }
      if round % 8 == 7 { group.wait() }
      DispatchQueue(label: "other.\(round)").async(group: group) {
        found.withLock { $0.others.append(ThreadPriority.niceness) }
      }
    }
    group.wait()
    let (lowered, others) = found.withLock { $0 }
    #expect(lowered.count == 40 && others.count == 40)
    #expect(lowered.allSatisfy { $0 == max(10, ThreadPriority.niceness) }, "\(lowered)")
    #expect(others.allSatisfy { $0 == ThreadPriority.niceness }, "\(others)")
  }
}
