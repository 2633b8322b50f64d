package import Bytes

/// The statements of a transaction while it is open.
///
/// Adding one copies its text once and allocates nothing. Belongs to one thread.
package final class StatementDraft {
  private var group = StatementGroup()
  /// Text that is not in the group yet.
  private let open = ByteBuffer()
  private var isTouched = false

  package init() {}

  /// Number of statements.
  package var count: Int { group.count }

  /// What a replay has to know besides the statements; see `StatementGroup`.
  package var settings: String { group.settings }
  package var barrier: String? { group.barrier }

  /// The first statement comes, under such settings.
  package func begin(settings: String, isExplicit: Bool) {
    isTouched = true
    group.settings = settings
    group.isExplicit = isExplicit
  }

  /// It cannot be replayed; the first reason counts.
  package func refuse(_ reason: String) {
    isTouched = true
    if group.barrier == nil { group.barrier = reason }
  }

  /// The statements change settings.
  package func leaveSettings() { group.leavesSettings = true }

  /// Adds a statement as `StatementGroup.append` does; `told` holds what `RecordedInputs.append` wrote.
  package func append(
    _ sql: ByteBuffer, parameters: ByteBuffer? = nil, changes: Int64, error: Int32?, told: ByteBuffer,
    took: Int64?
  ) {
    isTouched = true
    group.count += 1
    StatementGroup.append(
      sql, parameters: parameters, changes: changes, error: error, told: told, took: took, to: open)
  }

  /// Adds a statement of so many bytes that did not fail and was told nothing; `write` appends them.
  package func append(bytes count: Int, changes: Int64, took: Int64, _ write: (ByteBuffer) -> Void) {
    isTouched = true
    group.count += 1
    StatementGroup.appendHead(bytes: count, changes: changes, to: open)
    StatementGroup.endHead(took: took, to: open)
    write(open)
    StatementGroup.end(open, of: count)
  }

  /// Adds a long statement so that memory holds little of it twice: `write` appends a part of its text, and parts are handed
  /// to `pack` as they fill.
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

  /// Closes a part of the text if it has `size` bytes, for `Part.compress` to be called by somebody who has time.
  package func closePart(of size: Int) -> StatementText.Part? {
    guard open.count >= size else { return nil }
    defer { open.removeAll() }
    return group.text.appendPart(open)
  }

  /// A place to return to when a savepoint is rolled back.
  package var mark: StatementGroup.Mark {
    StatementGroup.Mark(bytes: group.text.count + open.count, count: group.count)
  }

  /// Forgets what was added after `mark`.
  package func rewind(to mark: StatementGroup.Mark) {
    group.count = mark.count
    let inGroup = group.text.count
    guard mark.bytes < inGroup else { return open.truncate(to: mark.bytes - inGroup) }
    group.text.truncate(to: mark.bytes)
    open.removeAll()
    open.append(group.text.takeOpen())
  }

  /// Hands over the statements and begins anew.
  package func finish() -> StatementGroup {
    var done = StatementGroup()
    swap(&done, &group)
    if !open.isEmpty { done.text.append(open) }
    open.removeAll()
    isTouched = false
    return done
  }

  /// Forgets all.
  package func discard() {
    guard isTouched else { return }
    isTouched = false
    group = StatementGroup()
    open.removeAll()
  }
}
