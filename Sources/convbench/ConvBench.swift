import ArgumentParser
import Convolutions
import Foundation

/// The command line.
@main
struct ConvBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convbench",
    abstract: "Measures, verifies and applies convolutions and gradients.",
    discussion: """
      Without arguments: bench --set headline, against the direct kernel.

      Exit status: 0 all good, 1 a failed check or a file that cannot be \
      used, 2 a wrong command line.
      """,
    version: convolutionsVersion,
    subcommands: [
      BenchCommand.self, VerifyCommand.self, ApplyCommand.self,
      ExplainCommand.self, ListCommand.self, EnvCommand.self,
    ],
    groupedSubcommands: [
      CommandGroup(
        name: "Developer",
        subcommands: [
          ChooseCommand.self, ProductsCommand.self, TuneCommand.self,
          BurstCommand.self, TurnsCommand.self, HashesCommand.self,
          PlanningCommand.self,
        ])
    ],
    defaultSubcommand: BenchCommand.self)

  /// What a command line asks for.
  static func command(_ arguments: [String]) throws -> any ParsableCommand {
    try parseAsRoot(withValuesJoined(arguments))
  }

  /// Writes `--strides -1,1` as `--strides=-1,1`: the parser would take `-1,1`
  /// for an option, and no option of this program looks like a number.
  private static func withValuesJoined(_ arguments: [String]) -> [String] {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    return arguments[..<end].reduce(into: []) { joined, argument in
      if let option = joined.last, option.hasPrefix("--"),
        !option.contains("="), argument.contains(/^-(\d|[.,]\d|inf|nan)/)
      {
        joined[joined.endIndex - 1] = "\(option)=\(argument)"
      } else {
        joined.append(argument)
      }
    } + arguments[end...]
  }

  /// Takes the place of the parser's own, which ends with status 64 where the
  /// command line is wrong.
  static func main() {
    // A file beyond the shell's limit (`ulimit -f`) is an error like any other.
    signal(SIGXFSZ, SIG_IGN)
    do {
      var command = try command(Array(CommandLine.arguments.dropFirst()))
      try command.run()
    } catch let failure as Failure {
      // Where both go to one file, what was printed comes before the message.
      fflush(nil)
      printError("convbench: \(failure.message)")
      Foundation.exit(failure.status)
    } catch  where exitCode(for: error) == .validationFailure {
      printError(fullMessage(for: error))
      Foundation.exit(Failure.usageStatus)
    } catch {
      exit(withError: error)
    }
  }
}

/// Why the program ends early, in words for its user.
struct Failure: Error, Equatable {
  static let usageStatus: Int32 = 2

  let message: String
  let status: Int32

  /// The command line is wrong.
  static func usage(_ message: String) -> Failure {
    Failure(message: message, status: usageStatus)
  }

  /// A check failed, or a file cannot be used.
  static func failed(_ message: String) -> Failure {
    Failure(message: message, status: 1)
  }
}

func printError(_ line: String) {
  FileHandle.standardError.write(Data((line + "\n").utf8))
}
