import Glibc
import LineReader
import TestSupport
import Testing

@Suite(.serialized) struct InterruptSignalTests {
  @Test func remembersTheSignalUntilReset() {
    InterruptSignal.install {}
    #expect(!InterruptSignal.wasRaised)
    Signals.unblocked { _ = raise(SIGINT) }
    #expect(InterruptSignal.wasRaised)
    InterruptSignal.reset()
    #expect(!InterruptSignal.wasRaised)
    signal(SIGINT, SIG_DFL)
  }
}
