package import Bytes

/// The statements of an open transaction.
///
/// Adding a statement copies its text once and allocates nothing. Belongs to one thread.
package final class StatementDraft {
  private var group = StatementGroup()
  /// The text that is not in the group yet.
  private let open = ByteBuffer()
  private var isTouched = false

  package init() {}

  /// Number of statements.
  package var count: Int { group.count }

  /// Further facts for a replay; see `StatementGroup`.
  package var settings: String { group.settings }
  package var barrier: String? { group.barrier }

  /// Begins with the first statement and its settings.
  package func begin(settings: String, isExplicit: Bool) {
    isTouched = true
    group.settings = settings
    group.isExplicit = isExplicit
  }

  /// Marks the transaction as a barrier; the first reason counts.
  package func refuse(_ reason: String) {
    isTouched = true
    if group.barrier == nil { group.barrier = reason }
  }

  /// Notes that the statements change settings.
  package func leaveSettings() { group.leavesSettings = true }

  /// Adds a statement like `StatementGroup.append`; `told` holds what `RecordedInputs.append`
  /// wrote.
  package func append(
    _ sql: ByteBuffer, parameters: ByteBuffer? = nil, changes: Int64, error: Int32?, told: ByteBuffer,
    took: Int64?
  ) {
    isTouched = true
    group.count += 1
    StatementGroup.append(
      sql, parameters: parameters, changes: changes, error: error, told: told, took: took, to: open)
  }

  /// Adds a statement of this many bytes that succeeded and used no inputs; `write` appends its
  /// text.
  package func append(bytes count: Int, changes: Int64, took: Int64, _ write: (ByteBuffer) -> Void) {
    isTouched = true
    group.count += 1
    StatementGroup.appendHead(bytes: count, changes: changes, to: open)
    StatementGroup.endHead(took: took, to: open)
    write(open)
    StatementGroup.end(open, of: count)
  }

  /// Adds a long statement without holding it twice: `write` appends a part of its text, and full
  /// parts go to `pack`.
  package func append(
    long count: Int, changes: Int64, error: Int32?, told: ByteBuffer, took: Int64?, parts size: Int,
    pack: (StatementText.Part) -> Void, _ write: (Range<Int>, ByteBuffer) -> Void
  ) {
    isTouched = true
    group.count += 1
    StatementGroup.appendHead(count, changes: changes, error: error, told: told, took: took, to: open)
    for start in stride(from: 0, to: count, by: size) {
      if let part = closePart(of: size) { pack(part) }
      write(start..<min(start + size, count), open)
    }
    StatementGroup.end(open, of: count)
  }

  /// Closes a part of the text if it has `size` bytes; another thread calls `Part.compress`.
  package func closePart(of size: Int) -> StatementText.Part? {
    guard open.count >= size else { return nil }
    defer { open.removeAll() }
    return group.text.appendPart(open)
  }

  /// A state to return to when a savepoint is rolled back.
  package var mark: StatementGroup.Mark {
    StatementGroup.Mark(bytes: group.text.count + open.count, count: group.count)
  }

  /// Removes everything that was added after `mark`.
  package func rewind(to mark: StatementGroup.Mark) {
    group.count = mark.count
    let inGroup = group.text.count
    guard mark.bytes < inGroup else { return open.truncate(to: mark.bytes - inGroup) }
    group.text.truncate(to: mark.bytes)
    open.removeAll()
    open.append(group.text.takeOpen())
  }

  /// Hands over the statements and begins again.
  package func finish() -> StatementGroup {
    var done = StatementGroup()
    swap(&done, &group)
    if !open.isEmpty { done.text.append(open) }
    open.removeAll()
    isTouched = false
    return done
  }

  /// Removes everything.
  package func discard() {
    guard isTouched else { return }
    isTouched = false
    group = StatementGroup()
    open.removeAll()
  }
}
