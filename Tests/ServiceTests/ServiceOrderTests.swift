import Testing

@testable import Service

/// Orders of other processes.
@Suite struct ServiceOrderTests {
  @Test(arguments: ["", "-1", "nan", "inf", "-inf", "1e300", "9223372036854775807", "0x", "1 "])
  func refusesAgesThatNoClockHas(_ word: String) { #expect(ServiceControl.age(word) == nil) }

  @Test(arguments: ["0", "3600", "0.5", "1e10"])
  func readsAges(_ word: String) { #expect(ServiceControl.age(word) == Double(word)) }

  @Test(arguments: ["snapshot\t/etc/passwd", "prune\t/etc/passwd\t0\tdelete", "status\t/etc/passwd"])
  func knowsOnlyServedDatabases(_ request: String) {
    #expect(ServiceControl().answer(request).hasPrefix("error "))
  }
}
