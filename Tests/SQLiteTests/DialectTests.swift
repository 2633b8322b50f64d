import SQLite
import Testing

/// The shell follows the version of the library.
@Suite struct DialectTests {
  private let bookworm = Dialect(version: 3_040_001)
  private let noble = Dialect(version: 3_045_001)
  private let trixie = Dialect(version: 3_046_001)

  @Test func nothingIsLaterThanItsVersion() {
    for property in Self.all {
      #expect(!property(bookworm))
      #expect(property(trixie))
    }
  }

  private static var all: [(Dialect) -> Bool] {
    [
      { $0.readsConfigurationHome }, { $0.endsOptionsWithDashes }, { $0.echoesArguments },
      { $0.namesAddressSize },
      { $0.tracesPageCache }, { $0.keepsInteractive }, { $0.helpIsNoError }, { $0.hidesRowIDsOfViews },
      { $0.hasSafeDefaults }, { $0.hidesUnsafeTests }, { $0.hasLaterTests }, { $0.recognizesDumps },
      { $0.allowsLogInSafeMode }, { $0.showsWhatIsOpen }, { $0.hasHexadecimalEscapes },
      { $0.escapesOnlyInQuotes },
      { $0.bindsInfinity }, { $0.saysSubstitute }, { $0.deserializesOnlyContent }, { $0.writesLongInfinity },
      { !$0.writesWholeNumbersInFull }, { $0.keepsUTF8 }, { $0.widensBytecode }, { $0.listsOwnProgram },
      { $0.archiveNeedsCommand }, { $0.hasCRNL }, { $0.clonesNoSequence }, { $0.namesFailedInsert },
      { $0.hasScanSwitches }, { $0.dumpsByKind }, { $0.warnsOfVirtualTables }, { $0.expertKnowsFunctions },
      { $0.importNamesSchema }, { $0.importsEmptyLastField }, { $0.hasIntegrityCheck }, { $0.hasEstimates },
      { $0.sumNeedsTables }, { $0.tracesInAnyOrder }, { $0.listsVersion }, { $0.hasBases },
      { $0.hasExactReals },
      { $0.hidesInnerFunctions }, { $0.seriesCountDown }, { $0.writesLinksOver },
    ]
  }

  @Test func whatCameBetweenIsThereFromItsVersionOn() {
    #expect(noble.recognizesDumps && noble.importsEmptyLastField)
    #expect(!noble.dumpsByKind && !noble.hasIntegrityCheck)
    #expect(!Dialect(version: 3_044_000).keepsUTF8)
    #expect(Dialect(version: 3_044_001).keepsUTF8)
  }

  @Test func isThatOfTheLibrary() {
    let numbers = LibraryVersion.number.split(separator: ".").compactMap { Int($0) }
    #expect(
      Dialect.current.version == numbers[0] * 1_000_000 + numbers[1] * 1000
        + (numbers.count > 2 ? numbers[2] : 0))
  }
}
