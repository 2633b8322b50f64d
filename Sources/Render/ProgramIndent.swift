internal import SQLite

/// The indentation of each instruction of an EXPLAIN listing, which shows loops.
enum ProgramIndent {
  /// Instructions that jump back to the start of their loop (their P2).
  ///
  /// > P2 is not used by the byte-code engine. However, if P2 is positive and also less than the
  /// > current address, then the "EXPLAIN" output formatter in the CLI will indent all opcodes in
  /// > between (https://www.sqlite.org/opcode.html#Return).
  private static let loopEnds: Set<String> = ["Next", "Prev", "VPrev", "VNext", "SorterNext", "Return"]
  /// Instructions to which a `Goto` may jump back for a loop.
  private static let loopStarts: Set<String> = ["Yield", "SeekLT", "SeekGT", "RowSetRead", "Rewind"]

  /// Runs the statement once to read the whole program, and resets it.
  static func read(_ statement: Statement) -> [Int] {
    var indents: [Int] = []
    var isStart: [Bool] = []
    while (try? statement.step()) == true {
      let row = indents.count
      let address = Int(statement.integer(at: 0))
      let opcode = statement.text(at: 1) ?? ""
      // Subprograms follow the main one, with addresses from 0.
      let jump = Int(statement.integer(at: 3))
      let target = jump + row - address
      indents.append(0)
      isStart.append(loopStarts.contains(opcode))
      let isLoopEnd =
        loopEnds.contains(opcode)
        || (opcode == "Goto" && isStart.indices.contains(target)
          && (isStart[target] || statement.integer(at: 2) != 0))
      guard isLoopEnd, jump > 0, target >= 0, target < row else { continue }
      for index in target..<row { indents[index] += 2 }
    }
    statement.reset()
    return indents
  }
}
