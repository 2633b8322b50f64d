/// The lines around the cells of a columnar mode.
struct Border {
  /// A line across the whole table.
  struct Rule {
    let left: StaticString
    let fill: StaticString
    let cross: StaticString
    let right: StaticString
  }

  let left: StaticString
  let between: StaticString
  let right: StaticString
  /// How many columns a rule covers besides the cell itself.
  let padding: Int
  /// Whether names are centred in their columns.
  let centersNames: Bool
  let top: Rule?
  let belowNames: Rule
  /// The line between rows, if a row has several lines; nil for none.
  let betweenRows: Rule?
  let bottom: Rule?

  static let column = Border(
    left: "", between: "  ", right: "\n", padding: 0, centersNames: false, top: nil,
    belowNames: Rule(left: "", fill: "-", cross: "  ", right: "\n"),
    betweenRows: Rule(left: "", fill: "", cross: "", right: "\n"), bottom: nil)

  static let markdown = Border(
    left: "| ", between: " | ", right: " |\n", padding: 2, centersNames: true, top: nil,
    belowNames: Rule(left: "|", fill: "-", cross: "|", right: "|\n"), betweenRows: nil, bottom: nil)

  static let table: Border = {
    let rule = Rule(left: "+", fill: "-", cross: "+", right: "+\n")
    return Border(
      left: "| ", between: " | ", right: " |\n", padding: 2, centersNames: true, top: rule,
      belowNames: rule, betweenRows: rule, bottom: rule)
  }()

  static let box: Border = {
    let middle = Rule(left: "├", fill: "─", cross: "┼", right: "┤\n")
    return Border(
      left: "│ ", between: " │ ", right: " │\n", padding: 2, centersNames: true,
      top: Rule(left: "┌", fill: "─", cross: "┬", right: "┐\n"), belowNames: middle, betweenRows: middle,
      bottom: Rule(left: "└", fill: "─", cross: "┴", right: "┘\n"))
  }()
}
