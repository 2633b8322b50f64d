/// A compiled regular expression for the operator REGEXP.
///
/// It is a program for a machine with many states at once. Matching takes time proportional to the
/// length of the text times that of the program, for every expression.
/// `RegularExpressionCompiler` makes it.
final class RegularExpression {
  enum Operation: UInt8 {
    /// The argument is the character, zero for the end of the text.
    case character, anyCharacter
    /// Any run of characters.
    case anyText
    /// Also continues `argument` further, beside here; or only there.
    case fork, jump
    case accept
    /// Begins a set of characters; the argument is the length of the whole.
    ///
    /// Its content follows: single characters, and both ends of ranges.
    case anyOf, noneOf, member, rangeEnd
    case word, notWord, digit, notDigit, space, notSpace
    case wordBoundary, textStart
  }

  struct Instruction {
    var operation: Operation
    var argument: Int32
  }

  private let program: UnsafeMutablePointer<Instruction>
  /// Capital letters A to Z in the text count as small ones.
  let ignoresCase: Bool
  /// Bytes that every match begins with; empty if unknown.
  private let prefix: [UInt8]
  /// The states, in memory that is used again for each match.
  private let sets: (StateSet, StateSet)

  init(program: [Instruction], ignoresCase: Bool) {
    self.program = .allocate(capacity: program.count)
    for index in program.indices { (self.program + index).initialize(to: program[index]) }
    self.ignoresCase = ignoresCase
    prefix = ignoresCase ? [] : Self.prefix(of: program)
    sets = (StateSet(capacity: program.count), StateSet(capacity: program.count))
  }

  deinit {
    program.deallocate()
    sets.0.deallocate()
    sets.1.deallocate()
  }

  /// Returns the characters after the start of an expression that may match anywhere, at most ten
  /// bytes of them.
  private static func prefix(of program: [Instruction]) -> [UInt8] {
    guard program.first?.operation == .anyText else { return [] }
    var bytes: [UInt8] = []
    for instruction in program.dropFirst() {
      guard bytes.count < 10, instruction.operation == .character, instruction.argument != 0,
        instruction.argument < 0x10000
      else { break }
      let scalar = UInt32(bitPattern: instruction.argument)
      if scalar < 0x80 {
        bytes.append(UInt8(scalar))
      } else if scalar < 0x800 {
        bytes += [UInt8(0xc0 | scalar >> 6), UInt8(0x80 | scalar & 0x3f)]
      } else {
        bytes += [UInt8(0xe0 | scalar >> 12), UInt8(0x80 | scalar >> 6 & 0x3f), UInt8(0x80 | scalar & 0x3f)]
      }
    }
    return bytes
  }

  /// Returns whether some part of the text, which ends at its first zero byte, matches.
  func matches(_ text: UnsafeRawBufferPointer) -> Bool {
    var reader = CharacterReader(text, ignoresCase: ignoresCase)
    var character = Self.outside
    if !prefix.isEmpty {
      guard let start = Self.find(prefix, in: text) else { return false }
      reader.at = start
      // Not the start of the text any more, and not a letter either.
      if start > 0 { character = 0x20 }
    }
    var (now, next) = sets
    next.removeAll()
    next.insert(0)
    while character != 0 && next.count > 0 {
      let before = character
      character = reader.next()
      swap(&now, &next)
      next.removeAll()
      if advance(&now, to: &next, from: before, over: character) { return true }
    }
    // At the end of the text only the end of the program counts.
    for index in 0..<next.count {
      var state = next[index]
      while program[state].operation == .jump { state += Int(program[state].argument) }
      if program[state].operation == .accept { return true }
    }
    return false
  }

  /// Moves from the states in `now` to those in `next`; true if the program accepts.
  @inline(__always)
  private func advance(
    _ now: inout StateSet, to next: inout StateSet, from before: Int32, over character: Int32
  ) -> Bool {
    var index = 0
    while index < now.count {
      let state = now[index]
      index += 1
      let instruction = program[state]
      switch instruction.operation {
      case .character: if instruction.argument == character { next.insert(state + 1) }
      case .anyCharacter: if character != 0 { next.insert(state + 1) }
      case .anyText:
        next.insert(state)
        now.insert(state + 1)
      case .fork:
        now.insert(state + Int(instruction.argument))
        now.insert(state + 1)
      case .jump: now.insert(state + Int(instruction.argument))
      case .accept: return true
      case .anyOf, .noneOf:
        if instruction.operation == .noneOf && character == 0 { continue }
        if contains(character, state, Int(instruction.argument)) == (instruction.operation == .anyOf) {
          next.insert(state + Int(instruction.argument))
        }
      case .word: if Self.isWord(character) { next.insert(state + 1) }
      case .notWord: if !Self.isWord(character) && character != 0 { next.insert(state + 1) }
      case .digit: if Self.isDigit(character) { next.insert(state + 1) }
      case .notDigit: if !Self.isDigit(character) && character != 0 { next.insert(state + 1) }
      case .space: if Self.isSpace(character) { next.insert(state + 1) }
      case .notSpace: if !Self.isSpace(character) && character != 0 { next.insert(state + 1) }
      case .wordBoundary:
        if Self.isWord(character) != Self.isWord(before) { now.insert(state + 1) }
      case .textStart: if before == Self.outside { now.insert(state + 1) }
      case .member, .rangeEnd: break
      }
    }
    return false
  }

  private func contains(_ character: Int32, _ start: Int, _ length: Int) -> Bool {
    var at = start + 1
    while at < start + length {
      let member = program[at]
      if member.operation == .member {
        if member.argument == character { return true }
        at += 1
      } else {
        if member.argument <= character && program[at + 1].argument >= character { return true }
        at += 2
      }
    }
    return false
  }

  /// The position before the first character.
  private static let outside: Int32 = -1

  private static func isDigit(_ character: Int32) -> Bool { character >= 0x30 && character <= 0x39 }
  private static func isSpace(_ character: Int32) -> Bool {
    character == 32 || character >= 9 && character <= 13
  }
  private static func isWord(_ character: Int32) -> Bool {
    isDigit(character) || character == 0x5f || (character | 0x20 >= 0x61 && character | 0x20 <= 0x7a)
  }

  /// Returns the first position of bytes in a text, before its first zero byte.
  private static func find(_ bytes: [UInt8], in text: UnsafeRawBufferPointer) -> Int? {
    var at = 0
    while at + bytes.count <= text.count {
      if text[at] == bytes[0] {
        var same = 1
        while same < bytes.count && text[at + same] == bytes[same] { same += 1 }
        if same == bytes.count { return at }
      }
      if text[at] == 0 { return nil }
      at += 1
    }
    return nil
  }
}

/// A set of states in the order in which they were added.
///
/// A copy shares the memory. States are instructions of one program.
private struct StateSet {
  private let states: UnsafeMutablePointer<Int32>
  private let places: UnsafeMutablePointer<Int32>
  private(set) var count = 0

  init(capacity: Int) {
    states = .allocate(capacity: capacity)
    states.initialize(repeating: 0, count: capacity)
    places = .allocate(capacity: capacity)
    places.initialize(repeating: 0, count: capacity)
  }

  func deallocate() {
    states.deallocate()
    places.deallocate()
  }

  subscript(index: Int) -> Int { Int(states[index]) }
  mutating func removeAll() { count = 0 }

  mutating func insert(_ state: Int) {
    let place = Int(places[state])
    if place < count && states[place] == Int32(truncatingIfNeeded: state) { return }
    places[state] = Int32(truncatingIfNeeded: count)
    states[count] = Int32(truncatingIfNeeded: state)
    count += 1
  }
}

/// Decodes UTF-8; invalid bytes become U+FFFD one by one, the end and a zero byte become 0.
struct CharacterReader {
  let bytes: UnsafeRawBufferPointer
  let ignoresCase: Bool
  var at = 0

  init(_ bytes: UnsafeRawBufferPointer, ignoresCase: Bool) {
    self.bytes = bytes
    self.ignoresCase = ignoresCase
  }

  mutating func next() -> Int32 {
    guard at < bytes.count else { return 0 }
    let first = bytes[at]
    at += 1
    if first < 0x80 {
      let isCapital = ignoresCase && first >= 0x41 && first <= 0x5a
      return Int32(first) | (isCapital ? 0x20 : 0)
    }
    let lead = Int32(first)
    if first & 0xe0 == 0xc0, let one = following(0) {
      at += 1
      let character = (lead & 0x1f) << 6 | one
      return character < 0x80 ? 0xfffd : character
    }
    if first & 0xf0 == 0xe0, let one = following(0), let two = following(1) {
      at += 2
      let character = (lead & 0xf) << 12 | one << 6 | two
      return character < 0x800 || character >= 0xd800 && character <= 0xdfff ? 0xfffd : character
    }
    if first & 0xf8 == 0xf0, let one = following(0), let two = following(1), let three = following(2) {
      at += 3
      let character = (lead & 0x7) << 18 | one << 12 | two << 6 | three
      return character < 0x10000 || character > 0x10ffff ? 0xfffd : character
    }
    return 0xfffd
  }

  /// Returns the six bits of a byte that continues a character; nil if it does not.
  private func following(_ offset: Int) -> Int32? {
    guard at + offset < bytes.count, bytes[at + offset] & 0xc0 == 0x80 else { return nil }
    return Int32(bytes[at + offset] & 0x3f)
  }
}
