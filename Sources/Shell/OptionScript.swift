/// Texts made from the table of options: shell completions, and the options in the manual page.
package enum OptionScript: String, CaseIterable {
  case bash, zsh, fish, manual

  /// Returns the whole text; `options` are those of the command line, in the order of `-help`.
  package func text(_ program: String, _ options: [CommandLineOption]) -> String {
    let entries = options.flatMap(Entry.all)
    switch self {
    case .bash: return Self.bash(program, entries)
    case .zsh: return Self.zsh(program, entries)
    case .fish: return Self.fish(program, entries)
    case .manual: return Self.manual(entries)
    }
  }

  /// An option as it is typed.
  private struct Entry {
    let name: String
    let arguments: [String]
    let help: String

    /// `[no]header` stands for two options.
    static func all(_ option: CommandLineOption) -> [Entry] {
      guard let help = option.help, option.name != "-" else { return [] }
      let arguments = option.name == "A" ? ["ARGS..."] : option.argumentNames
      let entry = Entry(name: option.name, arguments: arguments, help: help)
      guard option.shownAs?.hasPrefix("[no]") == true else { return [entry] }
      return [entry, Entry(name: "no" + option.name, arguments: arguments, help: help)]
    }

    /// The words that its argument may be; empty if it may be anything.
    var choices: [String] {
      guard arguments.count == 1, arguments[0].contains("|") else { return [] }
      return arguments[0].split(separator: "|").map(String.init)
    }
    var takesFile: Bool { arguments.first?.hasPrefix("FILE") == true }
  }

  private static func note(_ mark: String, _ program: String, _ kind: String) -> String {
    "\(mark) Completion for \(program); made by: \(program) -generate \(kind)\n"
  }

  // MARK: bash

  private static func bash(_ program: String, _ entries: [Entry]) -> String {
    let function = "_" + String(program.map { $0 == "-" ? "_" : $0 })
    var text = note("#", program, "bash")
    text += "\(function)() {\n  local current=$2 previous=\n  COMPREPLY=()\n"
    text += "  case $3 in -*) previous=${3#-}; previous=${previous#-} ;; esac\n  case $previous in\n"
    for entry in entries where !entry.choices.isEmpty {
      text +=
        "    \(entry.name)) COMPREPLY=($(compgen -W '\(entry.choices.joined(separator: " "))' -- \"$current\"))"
      text += "; return ;;\n"
    }
    let files = entries.filter(\.takesFile).map(\.name)
    text += "    \(files.joined(separator: "|"))) return ;;\n"
    let others = entries.filter { !$0.arguments.isEmpty && $0.choices.isEmpty && !$0.takesFile }.map(\.name)
    text += "    \(others.joined(separator: "|"))) compopt +o default; return ;;\n  esac\n"
    for (pattern, dashes) in [("--*", "--"), ("-*", "-")] {
      text += pattern == "--*" ? "  case $current in\n" : ""
      text += "    \(pattern)) COMPREPLY=($(compgen -W '"
      text += entries.map { dashes + $0.name }.joined(separator: " ") + "' -- \"$current\")) ;;\n"
    }
    return text + "  esac\n}\ncomplete -o default -F \(function) \(program)\n"
  }

  // MARK: zsh

  private static func zsh(_ program: String, _ entries: [Entry]) -> String {
    var text = "#compdef \(program)\n" + note("#", program, "zsh") + "_arguments \\\n"
    for entry in entries {
      var line = "*-\(entry.name)[\(zshText(entry.help))]"
      for argument in entry.arguments {
        let action =
          entry.takesFile
          ? "_files" : entry.choices.isEmpty ? " " : "(\(entry.choices.joined(separator: " ")))"
        line += ":\(zshText(argument)):\(action)"
      }
      text += "  '" + quoted(line) + "' \\\n"
    }
    return text + "  '1:database:_files' \\\n  '*:SQL: '\n"
  }

  private static func zshText(_ text: String) -> String {
    text.reduce(into: "") { $0 += ["[", "]", ":", "\\"].contains($1) ? "\\\($1)" : "\($1)" }
  }

  /// Escapes a text for single quotes of a POSIX shell.
  private static func quoted(_ text: String) -> String {
    text.reduce(into: "") { $0 += $1 == "'" ? "'\\''" : "\($1)" }
  }

  // MARK: fish

  private static func fish(_ program: String, _ entries: [Entry]) -> String {
    var text = note("#", program, "fish")
    for entry in entries {
      text += "complete -c \(program) -o \(entry.name)"
      if !entry.choices.isEmpty {
        text += " -x -a '\(entry.choices.joined(separator: " "))'"
      } else if entry.takesFile {
        text += " -r -F"
      } else if !entry.arguments.isEmpty {
        text += " -x"
      }
      // In fish's single quotes a backslash escapes itself and the quote.
      let help = entry.help.reduce(into: "") { $0 += $1 == "'" || $1 == "\\" ? "\\\($1)" : "\($1)" }
      text += " -d '\(help)'\n"
    }
    return text
  }

  // MARK: The manual page

  private static func manual(_ entries: [Entry]) -> String {
    entries.map { entry in
      let names = entry.arguments.map { "\\fI\(roff($0))\\fR" }
      return ".TP\n\\fB\\-\(roff(entry.name))\\fR" + names.map { " " + $0 }.joined()
        + "\n\(roff(entry.help))\n"
    }.joined()
  }

  private static func roff(_ text: String) -> String {
    text.reduce(into: "") {
      switch $1 {
      case "\\": $0 += "\\e"
      case "-": $0 += "\\-"
      case "'": $0 += "\\(aq"
      default: $0.append($1)
      }
    }
  }
}
