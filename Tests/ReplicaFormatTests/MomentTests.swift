import ReplicaFormat
import Testing

/// Moments as people write them.
@Suite struct MomentTests {
  /// 2026-11-30T14:30:00Z, in a zone that is an hour ahead of UTC, and was two until October.
  private let now: Int64 = 1_796_049_000_000_000
  private var clock: Moment.Clock {
    Moment.Clock(now: now) { $0 < 1_792_890_000 ? 7200 : 3600 }
  }

  @Test(arguments: [
    ("17", Moment.transaction(17)), ("0", .transaction(0)), ("before 17", .transaction(16)),
    ("BEFORE 1", .transaction(0)),
    ("last", .last), ("now", .last), ("before last", .beforeLast), ("Before  LAST", .beforeLast),
  ])
  func numbers(_ text: String, _ moment: Moment) {
    #expect(Moment(text, clock) == moment)
  }

  @Test(
    arguments: [
      ("2026-11-30T14:00:00Z", -1800), ("2026-11-30 14:00", -1800), ("2026-11-30T15:00:00+01:00", -1800),
      ("21:50", 6 * 3600 + 1200), ("15:00:30", -1770), ("today 15:00", -1800), ("yesterday 15:00", -88200),
      ("yesterday", -86400 - 55800), ("-5m", -300), ("-90s", -90), ("5 minutes ago", -300),
      ("1 hour ago", -3600),
      ("2w ago", -1_209_600), ("-1d", -86400),
    ] as [(String, Int64)])
  func times(_ text: String, _ seconds: Int64) {
    #expect(Moment(text, clock) == .time(now + seconds * 1_000_000), "\(text)")
  }

  @Test(arguments: [
    "", " ", "before", "before 0", "before x", "seventeen", "-5", "-m", "5m", "25:00", "12:60", "1:2:3:4",
    "yesterday 5",
    "tomorrow 5:00", "ago", "minutes ago", "-99999999999999999999d", "99999999999999999999999", "2026-13-01",
    "17 18", "before last 5", "before before 5", "before yesterday",
    "last 5", "+5m", "-5 m", "yesterday today",
  ])
  func whatIsNone(_ text: String) {
    #expect(Moment(text, clock) == nil)
  }

  /// The zone of the wanted moment counts, not today's.
  @Test func summerTime() {
    let change = Moment.Clock(now: 1_792_890_000_000_000 + 3600 * 1_000_000) {
      $0 < 1_792_890_000 ? 7200 : 3600
    }
    guard case .time(let time) = Moment("yesterday 12:00", change) else { return #expect(Bool(false)) }
    #expect((time / 1_000_000 + 7200) % 86400 == 12 * 3600)
  }
}
