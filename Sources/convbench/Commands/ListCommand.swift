import ArgumentParser
import Convolutions

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Prints problems with every number written out, one a line.",
    discussion: """
      The lines can be read with --file. Without arguments: the headline table.
      """)

  @OptionGroup
  var selection: ProblemSelection

  func run() throws {
    for problem in try selection.chosen() {
      let descriptor = try problem.geometry(.nhwc).descriptor
      print(descriptor + (problem.name.map { "n\"\($0)\"" } ?? ""))
    }
  }
}
