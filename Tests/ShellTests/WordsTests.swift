import Shell
import Testing

@Suite struct WordsTests {
  private func words(_ text: String) -> [String] {
    var words = Words(Array(text.utf8)[...])
    return [words.name] + words.rest()
  }

  @Test func splitsAtBlanks() { #expect(words("print a  b\tc ") == ["print", "a", "b", "c"]) }
  @Test func doubleQuotesTakeEscapes() { #expect(words(#"p "a\tb\"c""#) == ["p", "a\tb\"c"]) }
  @Test func singleQuotesTakeNoEscapes() { #expect(words(#"p 'a\tb'"#) == ["p", #"a\tb"#]) }
  @Test func octalEscapesTakeThreeDigits() { #expect(words(#"p "\1234""#) == ["p", "S4"]) }
  @Test func anOpenQuoteEndsWithTheLine() { #expect(words(#"p "a b"#) == ["p", "a b"]) }
  @Test func atMostFiftyArgumentsCount() {
    let text = "p " + (1...80).map(String.init).joined(separator: " ")
    #expect(words(text).count == 51)
  }

  @Test(arguments: [
    ("12", 12), ("-5", -5), ("0x10", 16), ("2K", 2000), ("3MiB", 3 << 20), ("1gb", 1_000_000_000), ("x", 0),
  ]) func readsNumbers(_ text: String, _ value: Int64) { #expect(Numbers.integer(text) == value) }

  @Test func anUnclearTruthValueIsNoWithAWarning() {
    let (value, warning) = Numbers.boolean("maybe")
    #expect(!value)
    #expect(warning == "ERROR: Not a boolean value: \"maybe\". Assuming \"no\".")
    for word in ["YES", "on", "0x1", "7"] { #expect(Numbers.boolean(word).value) }
    for word in ["No", "off", "0", "0x0"] {
      #expect(!Numbers.boolean(word).value && Numbers.boolean(word).warning == nil)
    }
  }

  @Test func fixedPointNumbersAreRounded() {
    #expect(Numbers.fixed(1.2345678, digits: 6) == "1.234568")
    #expect(Numbers.fixed(0.0004, digits: 3) == "0.000")
    #expect(Numbers.fixed(12, digits: 3) == "12.000")
  }
}
