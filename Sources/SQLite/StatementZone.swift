internal import CSQLite
internal import CSQLiteFiles
internal import Glibc
internal import Synchronization

/// Records whether statements use the time zone (`'localtime'`, `'utc'`), and sets it for a replay.
///
/// SQLite's tests may replace `localtime_r` (SQLITE_TESTCTRL_LOCALTIME_FAULT with 2); our
/// replacement only notes the call. Each thread has its own mark.
package enum StatementZone {
  private static let isWatching = Atomic(false)
  /// Whether local time is set to fail.
  package static var isFailing: Bool { csqlite_is_zone_failing() }

  /// Makes local time fail, or work again; our replacement is restored.
  static func setFault(_ value: Int32) -> Int32 {
    let code = csqlite_test_int(SQLITE_TESTCTRL_LOCALTIME_FAULT, value)
    csqlite_set_zone_failing(value != 0)
    if value == 0, isWatching.load(ordering: .relaxed) { install() }
    return code
  }

  /// Records from now on whether statements use it.
  package static func install() {
    isWatching.store(true, ordering: .relaxed)
    guard !isFailing else { return }
    csqlite_test_localtime { time, result in
      guard let time, let result else { return 1 }
      csqlite_surroundings().pointee.asked_zone = true
      let seconds = time.assumingMemoryBound(to: time_t.self)
      return localtime_r(seconds, result.assumingMemoryBound(to: tm.self)) == nil ? 1 : 0
    }
  }

  /// Begins a statement on this thread.
  package static func begin() { csqlite_surroundings().pointee.asked_zone = false }

  /// Whether the statement used it.
  package static var wasAsked: Bool { csqlite_surroundings().pointee.asked_zone }

  /// The zone of this process, in the form of the variable TZ; nil if it has no name.
  package static var present: String? {
    if let variable = getenv("TZ") { return String(cString: variable) }
    var target = [CChar](repeating: 0, count: 4096)
    let length = readlink("/etc/localtime", &target, target.count - 1)
    // > If this file does not exist, the Universal time is used (man tzset).
    guard length > 0 else { return access("/etc/localtime", F_OK) == 0 ? nil : "UTC0" }
    let path = String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard let at = path.range(ofZoneFolder: "/zoneinfo/") else { return nil }
    return String(path[at...])
  }

  /// Makes it the zone of this process; false if the system does not know it.
  ///
  /// Other threads must not read the environment meanwhile.
  package static func give(_ zone: String) -> Bool {
    let name = zone.hasPrefix(":") ? String(zone.dropFirst()) : zone
    let isFile = name.contains("/") || name.allSatisfy { $0.isLetter }
    if isFile, !name.isEmpty {
      let path = name.hasPrefix("/") ? name : "/usr/share/zoneinfo/\(name)"
      guard access(path, R_OK) == 0 else { return false }
    }
    setenv("TZ", zone, 1)
    tzset()
    return true
  }

  /// Restores the earlier value `variable`.
  package static func restore(variable: String?) {
    if let variable { setenv("TZ", variable, 1) } else { unsetenv("TZ") }
    tzset()
  }

  /// The variable TZ.
  package static var variable: String? { getenv("TZ").map { String(cString: $0) } }
}

extension String {
  /// Returns the beginning of the text after the last `word`.
  fileprivate func range(ofZoneFolder word: String) -> String.Index? {
    let bytes = Array(utf8)
    let needle = Array(word.utf8)
    guard bytes.count >= needle.count else { return nil }
    for at in stride(from: bytes.count - needle.count, through: 0, by: -1)
    where Array(bytes[at..<at + needle.count]) == needle {
      return utf8.index(startIndex, offsetBy: at + needle.count)
    }
    return nil
  }
}
