internal import Glibc
internal import SQLite

/// `strtod(X)` and `dtostr(R,N)`: numbers as the C library reads them, and as SQLite writes them.
enum NumberFunctions {
  /// The default and the maximum number of digits after the point.
  private static let usualDigits: Int32 = 26
  private static let mostDigits: Int32 = 350

  static let all = [
    FunctionDefinition("strtod", 1) { arguments, result in
      guard let text = arguments[0].cText else { return }
      result.set(
        (text + [0]).withUnsafeBufferPointer { bytes in
          bytes.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { Glibc.strtod($0, nil) } ?? 0 }
        })
    },
    FunctionDefinition("dtostr", 1) { arguments, result in
      result.set(text: SQLText.scientific(arguments[0].real, digits: usualDigits))
    },
    FunctionDefinition("dtostr", 2) { arguments, result in
      let digits = min(max(arguments[1].int32, 1), mostDigits)
      result.set(text: SQLText.scientific(arguments[0].real, digits: digits))
    },
  ]
}
