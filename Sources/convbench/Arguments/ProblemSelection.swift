import ArgumentParser
import ConvolutionTestSupport

/// The problems of a command line: descriptors, sets and a file.
struct ProblemSelection: ParsableArguments {
  @Argument(help: "Problem descriptors.")
  var problems: [String] = []

  @Option(
    name: .customLong("set"),
    help: "Sets of problems: \(LayerSets.names.joined(separator: ", ")).")
  var sets: CommaList<String>?

  @Option(
    help: """
      File of descriptors, one a line; # begins a comment; - is standard input.
      """)
  var file: String?

  var isEmpty: Bool { problems.isEmpty && sets == nil && file == nil }

  /// Descriptors, sets and file, in this order; the headline table without any.
  func chosen() throws -> [ProblemDescriptor] {
    if isEmpty { return try LayerSets.problems(set: "headline") }
    var chosen = try problems.map(LayerSets.problem)
    for name in sets?.values ?? [] {
      chosen += try LayerSets.problems(set: name)
    }
    if let file { chosen += try LayerSets.problems(file: file) }
    return chosen
  }
}

/// The problems of a command line that takes descriptors only.
struct ProblemArguments: ParsableArguments {
  @Argument(help: "Problem descriptors; the headline table without any.")
  var problems: [String] = []

  func chosen() throws -> [ProblemDescriptor] {
    try problems.isEmpty
      ? LayerSets.problems(set: "headline") : problems.map(LayerSets.problem)
  }
}

extension ProblemDescriptor {
  /// What a line about the problem begins with.
  var label: String { name ?? shortDescriptor }
}
