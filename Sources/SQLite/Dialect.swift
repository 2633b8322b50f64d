internal import CSQLite

/// The differences between the shells of SQLite's versions.
///
/// Each property is one cause, named by the shell's behaviour, with the release that brought it.
/// The shell follows the library that it runs with: `Dialect.current`. No other code compares
/// versions.
package struct Dialect: Sendable {
  /// The dialect of the loaded library.
  package static let current = Dialect(version: Int(sqlite3_libversion_number()))

  /// A dialect with every feature.
  package static let newest = Dialect(version: .max)

  /// The value of `sqlite3_libversion_number`: 3046001 for 3.46.1.
  package let version: Int

  package init(version: Int) { self.version = version }

  /// Returns whether the library is this release of SQLite 3, or a later one.
  package func isSince(_ minor: Int, _ patch: Int = 0) -> Bool { version >= 3_000_000 + minor * 1000 + patch }

  // MARK: Command line

  /// `$XDG_CONFIG_HOME/sqlite3/sqliterc` is read in place of `~/.sqliterc` if it exists.
  package var readsConfigurationHome: Bool { isSince(41) }
  /// `--` ends the options, and `-` alone is a file name.
  package var endsOptionsWithDashes: Bool { isSince(42) }
  /// `-echo` shows SQL that is an argument.
  package var echoesArguments: Bool { isSince(42) }
  /// `-version` names the size of an address.
  package var namesAddressSize: Bool { isSince(43) }
  /// `-pcachetrace`.
  package var tracesPageCache: Bool { isSince(43) }
  /// `-batch` after `-interactive` changes nothing.
  package var keepsInteractive: Bool { isSince(45) }
  /// `-help` writes to standard output and ends with 0; FILENAME is optional.
  package var helpIsNoError: Bool { isSince(46) }
  /// `-no-rowid-in-view`.
  package var hidesRowIDsOfViews: Bool { isSince(46) }

  // MARK: Safety

  /// `defensive` is on and `trusted_schema` off, and `-unsafe-testing` undoes both.
  package var hasSafeDefaults: Bool { isSince(42) }
  /// Commands and test controls that can do harm need `-unsafe-testing`.
  package var hidesUnsafeTests: Bool { isSince(42) }
  /// `.testctrl` has `fk_no_action` and `json_selfcheck`.
  package var hasLaterTests: Bool { isSince(45) }
  /// `.testctrl` has `uselongdouble`; later libraries use its number for a control with other arguments, and crash.
  package var hasLongDoubleTest: Bool { isSince(45) && !isSince(47) }
  /// A script that begins like a dump is trusted until its COMMIT.
  package var recognizesDumps: Bool { isSince(45) }
  /// `.log on` and `.log off` are allowed in safe mode.
  package var allowsLogInSafeMode: Bool { isSince(42) }

  // MARK: Input

  /// Continuation prompts show open quotes, comments and parentheses.
  package var showsWhatIsOpen: Bool { isSince(41) }
  /// `\xHH` is an escape.
  package var hasHexadecimalEscapes: Bool { isSince(42) }
  /// Backslashes are escapes between double quotes only.
  package var escapesOnlyInQuotes: Bool { isSince(44) }
  /// Parameters such as `:inf` and `$nan` have a value by themselves.
  package var bindsInfinity: Bool { isSince(42) }

  // MARK: Databases

  /// A database that cannot be opened is replaced by one in memory, with a message.
  package var saysSubstitute: Bool { isSince(42) }
  /// `-deserialize` of an empty or unnamed file fails.
  package var deserializesOnlyContent: Bool { isSince(42) }

  // MARK: Output

  /// Infinity is `9.0e+999` in SQL and JSON.
  package var writesLongInfinity: Bool { isSince(42) }
  /// Whole numbers that are REAL have all their digits in SQL.
  package var writesWholeNumbersInFull: Bool { !isSince(43) }
  /// Reals in SQL and JSON have at most 17 digits, since the library's `%!.20g` writes more.
  package var writesSeventeenDigits: Bool { isSince(53) }
  /// UTF-8 is unchanged in strings of C and JSON.
  package var keepsUTF8: Bool { isSince(44, 1) }
  /// Columns of bytecode that are too narrow move the next one by one blank.
  package var widensBytecode: Bool { isSince(43) }
  /// `.eqp full` lists the program of the statement itself.
  package var listsOwnProgram: Bool { isSince(43) }

  // MARK: Commands

  /// `.archive` needs a command.
  package var archiveNeedsCommand: Bool { isSince(42) }
  /// `.binary` is another name of `.crnl` and deprecated.
  package var hasCRNL: Bool { isSince(43) }
  /// `.clone` skips `sqlite_sequence`, which SQLite makes by itself.
  package var clonesNoSequence: Bool { isSince(41) }
  /// `.clone` names the statement that failed, not the one before it.
  package var namesFailedInsert: Bool { isSince(43) }
  /// `.dbconfig` has `reverse_scanorder` and `stmt_scanstatus`.
  package var hasScanSwitches: Bool { isSince(42) }
  /// `.dump` writes views, triggers, then indexes.
  package var dumpsByKind: Bool { isSince(46) }
  /// `.dump` looks for virtual tables first.
  package var warnsOfVirtualTables: Bool { isSince(45) }
  /// `.expert` knows the shell's functions and collations.
  package var expertKnowsFunctions: Bool { isSince(44) }
  /// `.import` names the schema of a table that it makes.
  package var importNamesSchema: Bool { isSince(42) }
  /// `.import` fills an empty last field with an empty text.
  package var importsEmptyLastField: Bool { isSince(45, 1) }
  /// `.intck`.
  package var hasIntegrityCheck: Bool { isSince(46) }
  /// `.quit` and others have the words of 3.41.
  package var hasEstimates: Bool { isSince(41) }
  /// `.sha3sum` fails if no table matches.
  package var sumNeedsTables: Bool { isSince(41) }
  /// `.trace` takes file and options in any order.
  package var tracesInAnyOrder: Bool { isSince(41) }
  /// `.version` is listed.
  package var listsVersion: Bool { isSince(42) }

  // MARK: Functions

  /// The library has `median` and the percentiles itself.
  package var hasPercentiles: Bool { isSince(51) }
  /// `base64` and `base85`.
  package var hasBases: Bool { isSince(41) }
  /// `decimal(REAL)` is exact; `decimal_exp`, `decimal_pow2`, `ieee754_inc`.
  package var hasExactReals: Bool { isSince(43) }
  /// `shell_idquote`, `sqlite_dbdata` and similar ones are missing.
  package var hidesInnerFunctions: Bool { isSince(42) }
  /// `generate_series` with a negative step counts from START down to STOP.
  package var seriesCountDown: Bool { isSince(46) }
  /// `writefile()` of a link replaces an existing file, and `sqlar_uncompress(X,-1)` returns X.
  package var writesLinksOver: Bool { isSince(46) }
}
