/// The sources of settings: names of variables and files, never their values.
package struct SettingsOrigins: Hashable, Sendable {
  package var credentials = "given by the program"
  package var endpoint = "given by the program"
  package var region = "given by the program"

  package init() {}
}
