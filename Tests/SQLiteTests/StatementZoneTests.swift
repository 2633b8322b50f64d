import SQLite
import Testing

@Suite struct StatementZoneTests {
  @Test func isNotedAgainAfterATestOfFaults() throws {
    StatementZone.install()
    _ = Connection.test(.localTimeFault, 0)
    StatementZone.begin()
    let connection = try Connection(":memory:")
    _ = try connection.value("SELECT 1")
    #expect(!StatementZone.wasAsked)
    _ = try connection.value("SELECT datetime(0, 'unixepoch', 'localtime')")
    #expect(StatementZone.wasAsked)
  }
}
