internal import Files
internal import Render
internal import Shell

/// The common part of `.output`, `.once` and `.excel`.
struct Redirection {
  enum Kind { case output, once, excel, browser }

  private let spec: CommandSpec
  private let kind: Kind
  private var file: String?
  private var hasMark = false
  private var suffix: String?
  private var complaint: String?
  /// Whether a browser gets text instead of a table.
  private var isPlain = false
  private let typedName: String

  init(_ words: inout Words, _ spec: CommandSpec, _ kind: Kind) {
    self.spec = spec
    self.kind = kind
    typedName = words.name
    suffix = kind == .excel ? "x" : kind == .browser ? "w" : nil
    while let word = words.optional() {
      switch word {
      case "-bom", "--bom": hasMark = true
      // As in sqlite3 3.47.
      case "-w" where kind == .once || kind == .output, "--w" where kind == .once || kind == .output:
        suffix = "w"
      case "-plain" where suffix == "w", "--plain" where suffix == "w": isPlain = true
      case "-x" where kind != .excel, "--x" where kind != .excel: suffix = "x"
      case "-e" where kind != .excel, "--e" where kind != .excel: suffix = "e"
      default:
        if word.hasPrefix("-") {
          complaint = "ERROR: unknown option: \"\(word)\".  Usage:"
        } else if file == nil && suffix == nil {
          // Everything after the bar is the command.
          file = word.hasPrefix("|") ? ([word] + words.rest()).joined(separator: " ") : word
        } else {
          complaint = "ERROR: extra parameter: \"\(word)\".  Usage:"
        }
      }
      if complaint != nil { break }
    }
  }

  func run(in session: Session) throws {
    let output = session.output
    if let complaint {
      // The usage goes to the output, as in sqlite3.
      output.print(complaint)
      for line in session.commands.help(typedName) { output.print(line) }
      throw CommandError.silent
    }
    session.resetOutput()
    let groups = kind == .output ? 0 : 2
    output.groupsLeft = groups
    try redirect(session)
    if hasMark { output.write([0xef, 0xbb, 0xbf]) }
  }

  private static let pageStart =
    "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Results</title></head><body>\n<table border=\"1\">\n"
  private static let pageEnd = "</table>\n</body></html>\n"

  private func redirect(_ session: Session) throws {
    let output = session.output
    if let suffix {
      output.saveOptions()
      let isSheet = suffix == "x"
      if isSheet {
        output.options.mode = .csv
        output.options.setSeparators(",", "\r\n")
      }
      let isPage = suffix == "w" && !isPlain
      if isPage {
        output.options.mode = .html
        output.options.headers = true
      }
      let ending = isSheet ? ".csv" : isPage ? ".html" : ".txt"
      guard output.redirect(toTemporary: ending, shownBy: "xdg-open", closing: isPage ? Self.pageEnd : "")
      else {
        throw CommandError.message("Error: cannot open a temporary file")
      }
      if isPage { output.write(Self.pageStart) }
    } else if let file, file.hasPrefix("|") {
      let command = String(file.dropFirst())
      guard output.redirect(toCommand: command) else {
        throw CommandError.message("Error: cannot open pipe \"\(command)\"")
      }
    } else {
      switch file ?? "stdout" {
      case "stdout": break
      case "stderr": output.redirectToStandardError()
      // A name without a target: output does not change, and the command fails without a message.
      case "off": throw CommandError.silent
      case let file:
        guard output.redirect(toFile: file) else {
          session.errors.print("Error: cannot open \"\(file)\"")
          throw CommandError.message("Error: cannot write to \"\(file)\"")
        }
      }
    }
  }
}
