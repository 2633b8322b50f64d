/// Where settings were found: names of variables and files, never what they hold.
package struct SettingsOrigins: Hashable, Sendable {
  package var credentials = "given by the program"
  package var endpoint = "given by the program"
  package var region = "given by the program"

  package init() {}
}
