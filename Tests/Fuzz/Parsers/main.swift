import Glibc
import ParserTargets

// parser-fuzzer TARGET [libFuzzer's options and folders]: runs one parser on libFuzzer's inputs.
//
// parser-fuzzer --seeds FOLDER writes the first inputs of each target to FOLDER/TARGET.

/// Runs libFuzzer (https://llvm.org/docs/LibFuzzer.html#using-libfuzzer-as-a-library).
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

nonisolated(unsafe) private var chosen = ParserTarget.names

let name = CommandLine.arguments.dropFirst().first ?? ""
if name == "--list" {
  for target in ParserTarget.allCases { print(target.rawValue) }
  exit(0)
}
if name == "--seeds", CommandLine.arguments.count == 3 {
  for target in ParserTarget.allCases {
    let folder = "\(CommandLine.arguments[2])/\(target.rawValue)"
    mkdir(folder, 0o755)
    for (number, seed) in target.seeds.enumerated() {
      guard let file = fopen("\(folder)/seed\(number)", "w") else { exit(1) }
      fwrite(seed, 1, seed.count, file)
      fclose(file)
    }
  }
  exit(0)
}
guard let target = ParserTarget(rawValue: name) else {
  print("usage: parser-fuzzer TARGET [OPTIONS] [CORPUS]")
  exit(2)
}
chosen = target
var arguments: [UnsafeMutablePointer<CChar>?] =
  ([CommandLine.arguments[0]] + CommandLine.arguments.dropFirst(2)).map { strdup($0) } + [nil]
var count = Int32(arguments.count - 1)
let code: Int32 = arguments.withUnsafeMutableBufferPointer { list in
  var start = list.baseAddress
  return runDriver(&count, &start) { bytes, count in
    chosen.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
  }
}
exit(code)
