/// Compiles a regular expression.
///
/// `X*`, `X+`, `X?`, `X{p,q}`, `(X)`, `X|Y`, `^`, `$`, `.`, `[…]`, `[^…]`, `\b \d \D \w \W \s \S`,
/// `\xHH`, `\uHHHH` and the escapes of C. An operator applies to the item just before it, which may
/// have an operator too.
struct RegularExpressionCompiler {
  typealias Instruction = RegularExpression.Instruction

  /// The maximum number of instructions: each costs memory while the expression is in use.
  private static let limit = 1_000_000

  struct Failure: Error {
    let message: String
    init(_ message: String) { self.message = message }
  }

  private var program: [Instruction] = []
  private var reader: CharacterReader
  /// The number of open groups; a deeply nested expression must not overflow the stack.
  private var depth = 0
  private static let greatestDepth = 1000
  /// An unknown escape; reported if nothing else is wrong.
  private var unknownEscape: Failure?

  /// Compiles an expression that ends at its first zero byte.
  static func compile(
    _ pattern: UnsafeRawBufferPointer, ignoresCase: Bool
  ) throws(Failure) -> RegularExpression {
    let end = pattern.firstIndex(of: 0) ?? pattern.count
    var compiler = RegularExpressionCompiler(
      reader: CharacterReader(UnsafeRawBufferPointer(rebasing: pattern[..<end]), ignoresCase: ignoresCase))
    if compiler.peek == UInt8(ascii: "^") {
      compiler.reader.at += 1
    } else {
      try compiler.append(.anyText)
    }
    try compiler.alternatives()
    guard compiler.reader.at >= end else { throw Failure("unrecognized character") }
    if let unknown = compiler.unknownEscape { throw unknown }
    try compiler.append(.accept)
    return RegularExpression(program: compiler.program, ignoresCase: ignoresCase)
  }

  private init(reader: CharacterReader) { self.reader = reader }

  // MARK: The program

  private mutating func append(_ operation: RegularExpression.Operation, _ argument: Int32 = 0)
    throws(Failure)
  {
    guard program.count < Self.limit else { throw Failure("REGEXP pattern too big") }
    program.append(Instruction(operation: operation, argument: argument))
  }

  private mutating func insert(
    _ operation: RegularExpression.Operation, _ argument: Int, at index: Int
  ) throws(Failure) {
    guard program.count < Self.limit else { throw Failure("REGEXP pattern too big") }
    program.insert(Instruction(operation: operation, argument: Int32(argument)), at: index)
  }

  /// Appends `count` instructions from `start` once more.
  private mutating func `repeat`(_ start: Int, _ count: Int) throws(Failure) {
    guard program.count + count <= Self.limit else { throw Failure("REGEXP pattern too big") }
    program.append(contentsOf: program[start..<(start + count)])
  }

  private var peek: UInt8 { reader.at < reader.bytes.count ? reader.bytes[reader.at] : 0 }

  // MARK: The grammar

  private mutating func alternatives() throws(Failure) {
    let start = program.count
    try sequence()
    while peek == UInt8(ascii: "|") {
      let end = program.count
      try insert(.fork, end + 2 - start, at: start)
      try append(.jump)
      reader.at += 1
      try sequence()
      program[end + 1].argument = Int32(program.count - (end + 1))
    }
  }

  private mutating func sequence() throws(Failure) {
    /// The start of the operand of an operator; nil if there is none.
    var operand: Int?
    while true {
      let began = reader.at
      let character = reader.next()
      guard character != 0 else { return }
      let start = program.count
      guard let ascii = UInt8(exactly: character), ascii < 0x80 else {
        try append(.character, character)
        operand = start
        continue
      }
      switch Unicode.Scalar(ascii) {
      case "|", ")":
        reader.at = began
        return
      case "(":
        try group()
      case ".":
        if peek == UInt8(ascii: "*") {
          try append(.anyText)
          reader.at += 1
        } else {
          try append(.anyCharacter)
        }
      case "^":
        try append(.textStart)
      case "$":
        try append(.character, 0)
      case "*":
        let first = try known(operand, "'*' without operand")
        try insert(.jump, program.count - first + 1, at: first)
        try append(.fork, Int32(first - program.count + 1))
      case "+":
        let first = try known(operand, "'+' without operand")
        try append(.fork, Int32(first - program.count))
      case "?":
        let first = try known(operand, "'?' without operand")
        try insert(.fork, program.count - first + 1, at: first)
      case "{":
        try repetition(known(operand, "'{m,n}' without operand"))
      case "[":
        try set()
      case "\\":
        try escaped()
      default:
        try append(.character, character)
      }
      operand = start
    }
  }

  private func known(_ operand: Int?, _ complaint: String) throws(Failure) -> Int {
    guard let operand else { throw Failure(complaint) }
    return operand
  }

  private mutating func group() throws(Failure) {
    depth += 1
    guard depth < Self.greatestDepth else { throw Failure("REGEXP pattern too big") }
    try alternatives()
    depth -= 1
    guard peek == UInt8(ascii: ")") else { throw Failure("unmatched '('") }
    reader.at += 1
  }

  private mutating func number() -> Int {
    var number = 0
    while peek &- 0x30 < 10 {
      number = min(number * 10 + Int(peek &- 0x30), 1 << 40)
      reader.at += 1
    }
    return number
  }

  /// Reads the numbers in braces: minimum and maximum.
  private mutating func repetition(_ first: Int) throws(Failure) {
    let least = number()
    var most = least
    if peek == UInt8(ascii: ",") {
      reader.at += 1
      most = number()
    }
    guard peek == UInt8(ascii: "}") else { throw Failure("unmatched '{'") }
    if most > 0 && most < least { throw Failure("n less than m in '{m,n}'") }
    reader.at += 1
    let count = program.count - first
    guard max(least, most) <= Self.limit / (count + 1) else { throw Failure("REGEXP pattern too big") }
    var made = least
    var copied = first
    if least == 0 {
      guard most > 0 else { throw Failure("both m and n are zero in '{m,n}'") }
      try insert(.fork, count + 1, at: first)
      copied += 1
      made = 1
    } else {
      for _ in 1..<max(least, 1) { try self.repeat(copied, count) }
    }
    if most > made {
      for _ in made..<most {
        try append(.fork, Int32(count + 1))
        try self.repeat(copied, count)
      }
    }
    if most == 0 && least > 0 { try append(.fork, Int32(-count)) }
  }

  private mutating func set() throws(Failure) {
    let start = program.count
    var isExclusive = false
    if peek == UInt8(ascii: "^") {
      isExclusive = true
      reader.at += 1
    }
    try append(isExclusive ? .noneOf : .anyOf)
    var character = reader.next()
    while character != 0 {
      if character == 0x5b && peek == UInt8(ascii: ":") {
        throw Failure("POSIX character classes not supported")
      }
      if character == 0x5c { character = escape() }
      if peek == UInt8(ascii: "-") {
        try append(.rangeEnd, character)
        reader.at += 1
        character = reader.next()
        if character == 0x5c { character = escape() }
        try append(.rangeEnd, character)
      } else {
        try append(.member, character)
      }
      if peek == UInt8(ascii: "]") {
        reader.at += 1
        break
      }
      character = reader.next()
    }
    guard character != 0 else { throw Failure("unclosed '['") }
    program[start].argument = Int32(program.count - start)
  }

  /// Reads the text after a backslash outside of a set.
  private mutating func escaped() throws(Failure) {
    let operation: RegularExpression.Operation? =
      switch Unicode.Scalar(peek) {
      case "b": .wordBoundary
      case "d": .digit
      case "D": .notDigit
      case "w": .word
      case "W": .notWord
      case "s": .space
      case "S": .notSpace
      default: nil
      }
    if let operation {
      reader.at += 1
      try append(operation)
    } else {
      let character = escape()
      try append(.character, character)
    }
  }

  /// Returns the character of an escape; 0 at the end of the expression.
  private mutating func escape() -> Int32 {
    guard reader.at < reader.bytes.count else { return 0 }
    let letter = peek
    if letter == UInt8(ascii: "u"), let code = hexadecimal(4) { return code }
    if letter == UInt8(ascii: "x"), let code = hexadecimal(2) { return code }
    reader.at += 1
    switch Unicode.Scalar(letter) {
    case "a": return 7
    case "f": return 12
    case "n": return 10
    case "r": return 13
    case "t": return 9
    case "v": return 11
    case "\\", "(", ")", "*", ".", "+", "?", "[", "$", "^", "{", "|", "}", "]": return Int32(letter)
    default:
      unknownEscape = Failure("unknown \\ escape")
      reader.at -= 1
      return Int32(letter)
    }
  }

  /// Reads this number of hexadecimal digits after the next letter; returns nil, and reads nothing,
  /// if there are fewer.
  private mutating func hexadecimal(_ count: Int) -> Int32? {
    guard reader.at + count < reader.bytes.count else { return nil }
    var code: Int32 = 0
    for offset in 1...count {
      guard let digit = Character(Unicode.Scalar(reader.bytes[reader.at + offset])).hexDigitValue else {
        return nil
      }
      code = code << 4 | Int32(digit)
    }
    reader.at += count + 1
    return code
  }
}
