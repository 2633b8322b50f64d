import Shell
import Testing

/// The colours of typed SQL.
@Suite struct SQLColouringTests {
  /// Returns one letter for each byte: keyword, number or string, comment, error, or a point; a
  /// capital for a partner.
  private func colours(
    _ line: String, after lines: [String] = [], cursor: Int? = nil, isAccepted: Bool = false
  ) -> String {
    var state = SQLColouring()
    for line in lines { state.skip(Array(line.utf8 + [10])) }
    return state.colour(Array(line.utf8), cursor: cursor, isAccepted: isAccepted).map { tint in
      let letter = [".", "k", "s", "c", "e"][Int(tint & ~SQLColouring.partner)]
      return tint & SQLColouring.partner == 0 ? letter : letter == "." ? "P" : letter.uppercased()
    }.joined()
  }

  @Test(arguments: [
    ("select a from t", "kkkkkk...kkkk.."), ("'it''s' x", "sssssss.."),
    ("12 1.5e-3 0xff .5 1e", "ss.ssssss.ssss.ss..."),
    ("12ab", "...."), ("x'ab' X'c", "sssss.ses"),
    ("t.order \"order\" order.x", String(repeating: ".", count: 23)),
    ("a -- b", "..cccc"), ("a/*b*/c", ".ccccc."),
    (":order @order $order ?1", String(repeating: ".", count: 23)),
    ("a)", ".e"), ("(a", "e."), ("((a)", "e..."), ("'a", "es"), ("\"a", "e."), ("[a", "e."), ("`a", "e."),
    ("/*a", "ccc"),
    ("(a; b)", "e....e"), (".mode 'x", "........"), ("# a 'b", "cccccc"), ("日本 in", ".......kk"),
    ("a-1", "..s"),
    ("a--\nin", ".cc.kk"), ("[a]]b", "....."),
  ])
  func coloursALine(line: String, expected: String) {
    #expect(colours(line) == expected)
  }

  @Test func carriesOnWhatAnEarlierLineBegan() {
    #expect(colours("b' in", after: ["select 'a"]) == "ss.kk")
    #expect(colours("b*/ in", after: ["/* a"]) == "ccc.kk")
    #expect(colours("in\" in", after: ["\""]) == "....kk")
    #expect(colours("a) b)", after: ["("]) == "....e")
    #expect(colours(".5", after: ["select"]) == "ss")
    #expect(colours("a", after: ["-- '"]) == ".")
  }

  @Test func marksTheParenthesesAtTheCursor() {
    #expect(colours("(a)", cursor: 3) == "P.P")
    #expect(colours("(a)", cursor: 0) == "P.P")
    #expect(colours("(a)", cursor: 1) == "P.P")
    #expect(colours("((a))", cursor: 4) == ".P.P.")
    #expect(colours("'()'", cursor: 2) == "ssss")
    #expect(colours("a)", cursor: 2) == ".e")
  }

  @Test func anOpenPartIsNoErrorIfTheStatementContinues() {
    #expect(colours("create table t(", isAccepted: true) == "kkkkkk.kkkkk...")
    #expect(colours("select 'a", isAccepted: true) == "kkkkkk.ss")
    #expect(colours("in (1;", isAccepted: true) == "kk.es.")
    #expect(colours("a)", isAccepted: true) == ".e")
  }
}
