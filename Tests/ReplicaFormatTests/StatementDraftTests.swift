import Bytes
import ReplicaFormat
import Testing

@Suite struct StatementDraftTests {
  private static let generation = GenerationID(sequence: 3, random: 77)

  private static func sql(_ number: Int) -> ByteBuffer {
    let buffer = ByteBuffer()
    buffer.append("INSERT INTO t VALUES(\(number), '\(String(repeating: "x", count: number % 7))');")
    return buffer
  }

  /// Returns the script that a batch of one transaction holds.
  private static func script(_ group: StatementGroup) throws -> [String] {
    var builder = StatementBatchBuilder(generation: generation)
    builder.add(group, transaction: 1, time: 10, end: nil)
    let script = try StatementScript(try #require(builder.seal()).bytes, object: "s").reader()
    var texts: [String] = []
    while try script.nextTransaction() != nil {
      while let statement = try script.nextStatement() {
        texts.append("\(String(decoding: script.script[statement.sql], as: UTF8.self)) \(statement.changes)")
      }
    }
    return texts
  }

  /// Parts are closed often; a rollback reaches into them, or not.
  @Test(arguments: [1, 40, 400, 1 << 20], [0, 1, 3, 20, 59])
  func keepsWhatAGroupWouldKeep(partBytes: Int, mark: Int) throws {
    let draft = StatementDraft()
    var group = StatementGroup()
    draft.begin(settings: "", isExplicit: true)
    group.isExplicit = true
    var places: (StatementGroup.Mark, StatementGroup.Mark)?
    for round in 0..<2 {
      for number in 0..<60 {
        if round == 0, number == mark { places = (draft.mark, group.mark) }
        draft.append(Self.sql(number), changes: Int64(number), error: nil, told: ByteBuffer(), took: 5)
        group.append(Self.sql(number), changes: Int64(number), error: nil, took: 5)
        if let part = draft.closePart(of: partBytes), number % 2 == 0 { part.compress() }
      }
      guard round == 0, let (one, other) = places else { continue }
      draft.rewind(to: one)
      group.rewind(to: other)
      #expect(draft.count == mark)
    }
    let expected = try Self.script(group)
    #expect(expected.count == mark + 60)
    #expect(try Self.script(draft.finish()) == expected)
    #expect(draft.count == 0)
    #expect(try Self.script(draft.finish()).isEmpty)
  }

  @Test func forgetsEverythingAtOnce() {
    let draft = StatementDraft()
    draft.begin(settings: "PRAGMA foreign_keys=1;", isExplicit: true)
    draft.append(Self.sql(1), changes: 1, error: nil, told: ByteBuffer(), took: nil)
    draft.refuse("first")
    draft.refuse("second")
    draft.leaveSettings()
    #expect(draft.barrier == "first")
    draft.discard()
    let left = draft.finish()
    #expect(left.count == 0 && left.settings.isEmpty && left.barrier == nil)
    #expect(!left.isExplicit && !left.leavesSettings && left.text.count == 0)
  }
}
