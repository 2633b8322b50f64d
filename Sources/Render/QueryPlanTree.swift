package import Bytes

/// The steps of a query plan as a tree.
package struct QueryPlanTree {
  private struct Step {
    let id: Int
    let parent: Int
    let text: [UInt8]
  }

  private var steps: [Step] = []

  package init() {}

  package var isEmpty: Bool { steps.isEmpty }

  package mutating func append(id: Int, parent: Int, text: [UInt8]) {
    steps.append(Step(id: id, parent: parent, text: text))
  }

  /// Appends the tree below a title; nothing if there are no steps.
  package mutating func render(to out: ByteBuffer, title: StaticString = "QUERY PLAN\n") {
    guard let first = steps.first else { return }
    // A step that is a comment names the trigger whose plan follows.
    if first.text.first == UInt8(ascii: "-") {
      guard steps.count > 1 else { return }
      out.append(Array(first.text.dropFirst(3)))
      out.append(UInt8(ascii: "\n"))
      steps.removeFirst()
    } else {
      out.append(title)
    }
    render(below: 0, prefix: [], to: out)
  }

  private func render(below parent: Int, prefix: [UInt8], to out: ByteBuffer) {
    let children = steps.indices.filter { steps[$0].parent == parent }
    for index in children {
      let isLast = index == children.last
      out.append(prefix)
      out.append(isLast ? "`--" : "|--" as StaticString)
      out.append(steps[index].text)
      out.append(UInt8(ascii: "\n"))
      // A step never contains itself: ids grow, so an id at or below its parent's would be a loop.
      guard steps[index].id > parent else { continue }
      render(below: steps[index].id, prefix: prefix + Array((isLast ? "   " : "|  ").utf8), to: out)
    }
  }
}
