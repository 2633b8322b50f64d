import Glibc

/// The sections of one of AWS's profile files (`~/.aws/credentials`, `~/.aws/config`).
struct ProfileFile {
  private var sections: [String: [String: String]] = [:]

  /// Reads the file.
  ///
  /// A missing file has no sections.
  init(path: String) {
    var bytes: [UInt8] = []
    if let file = fopen(path, "re") {
      defer { fclose(file) }
      var buffer = [UInt8](repeating: 0, count: 4096)
      while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    }
    self.init(text: String(decoding: bytes, as: UTF8.self))
  }

  init(text: String) {
    var section = ""
    for line in text.split(whereSeparator: \.isNewline) {
      let trimmed = Self.trimmed(line)
      // Indented lines belong to a nested setting, which we do not use.
      if trimmed.isEmpty || trimmed.hasPrefix("#") || trimmed.hasPrefix(";")
        || line.first?.isWhitespace == true
      {
        continue
      }
      if trimmed.hasPrefix("["), let end = trimmed.firstIndex(of: "]") {
        section = Self.trimmed(trimmed[trimmed.index(after: trimmed.startIndex)..<end])
        sections[section] = sections[section] ?? [:]
      } else if let equals = trimmed.firstIndex(of: "=") {
        let name = Self.trimmed(trimmed[..<equals]).lowercased()
        sections[section, default: [:]][name] = Self.trimmed(trimmed[trimmed.index(after: equals)...])
      }
    }
  }

  /// Returns the settings of a profile.
  ///
  /// In the configuration file its section may be called `profile NAME`.
  func profile(_ name: String) -> [String: String]? { sections["profile \(name)"] ?? sections[name] }

  private static func trimmed(_ text: some StringProtocol) -> String {
    let start = text.drop(while: \.isWhitespace)
    guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...last])
  }
}
