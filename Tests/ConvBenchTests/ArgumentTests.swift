import Foundation
import Testing

@testable import convbench

/// Values of options, in this process.
@Suite struct ArgumentTests {
  /// The parser takes what begins with a dash for an option.
  @Test(arguments: [
    ("bench --threads -1", "'--threads' must be at least 1."),
    ("bench --threads -1,2", "'--threads' must be at least 1."),
    ("bench --workspace-limit -1", "'--workspace-limit' must not be negative."),
    ("bench --min-time -1", "'--min-time' must be a number of seconds."),
    ("bench --min-time -.5", "'--min-time' must be a number of seconds."),
    ("bench --min-time -inf", "'--min-time' must be a number of seconds."),
    ("bench -- -1", "bad problem '-1'"),
    ("bench -1", "Unknown option '-1'"),
    ("explain ic1ih1oc1kh1 --threads -2", "must be at least 1."),
    ("explain --measure -2", "does not take any value"),
    ("verify --cases -1", "'--cases' must be at least 1."),
    ("verify --seed -1", "The value '-1' is invalid for '--seed"),
    (
      "verify --problem ic1ih1oc1kh1 --padding-after -1,0",
      "'--padding-after' takes two sizes."
    ),
    ("choose --random -5", "'--random' is at least 0"),
    ("choose --rounds -5", "'--rounds' at least 2"),
    ("tune --rounds -1", "'--rounds' is at least 1"),
    ("tune --rounds 0", "'--rounds' is at least 1"),
    ("tune --percent -5,100", "'--percent' from 1"),
    (
      "apply --input-sizes -1,5,6,2", "input has a negative size: [-1, 5, 6, 2]"
    ),
    ("apply --input-sizes 1,2,3,1 --strides -1,1,1,1", "must be positive, got"),
    (
      "apply --input-sizes 1,2,3,1 --dilations -1,1,1,1",
      "dilations must be positive, got [-1, 1, 1, 1]"
    ),
    (
      "apply --input-sizes 1,2,3,1 --padding -1,0,0,0,0,0,0,0",
      "explicit_paddings must be nonnegative, got [[-1, 0]"
    ),
    ("apply --input-sizes 1,2,3,1 --threads -1", "must be at least 1."),
    ("apply --input-sizes 1,2,3,1 --shard -1/2", "There is no shard -1/2"),
    ("apply --input-sizes -x", "Missing value for '--input-sizes"),
  ])
  func numbersBelowZero(line: String, words: String) throws {
    var arguments = line.split(separator: " ").map(String.init)
    let small = try SmallProblem()
    if arguments[0] == "apply" {
      arguments += [
        "--filter", small.filter, "--out-backprop", small.outBackprop,
        "--output", small.result,
      ]
      if !arguments.contains("--padding") {
        arguments += ["--padding", "SAME"]
      }
    }
    let (status, said) = ConvBench.outcome(arguments)
    #expect(status != 0)
    #expect(said.contains(words), "\(said)")
    #expect(try small.folder.contents() == ["dy.npy", "filter.npy"])
  }

  /// `SAME` in small letters, as in Python.
  @Test(arguments: ["SAME", "same", "Same", "VALID", "valid"])
  func padding(_ name: String) throws {
    let padding = try #require(PaddingArgument(argument: name)).padding
    #expect(padding == (name.lowercased() == "same" ? .same : .valid))
  }

  /// An error lists exactly what is read, in any case of the letters.
  @Test(arguments: [
    "bench --dtype", "bench --layout", "bench --op", "bench --algorithm",
    "bench --accuracy", "bench --format", "verify --suite",
    "explain ic1ih1oc1kh1 --tuning", "tune --vary",
    "explain ic1ih1oc1kh1 --layout", "explain ic1ih1oc1kh1 --dtype",
  ])
  func listsAreWhatIsRead(option: String) {
    let words = option.split(separator: " ").map(String.init)
    func refusal(_ value: String) -> String? {
      do {
        _ = try ConvBench.command(words + [value])
        return nil
      } catch {
        return ConvBench.fullMessage(for: error)
      }
    }
    let list =
      (refusal("nonsense") ?? "").split(separator: "\nHelp:")[0]
      .split(separator: "Please provide one of ").last ?? ""
    let listed = Set(
      list.matches(of: /'([^']+)'|  - (\S+)/).map {
        String($0.output.1 ?? $0.output.2!)
      })
    #expect(listed.count >= 2)
    for value in listed.union(Self.names) {
      let isListed = listed.contains {
        $0.lowercased() == value.lowercased()
      }
      #expect((refusal(value) == nil) == isListed, "\(option) \(value)")
    }
  }

  /// Of whatever option.
  private static let names: Set<String> = [
    "f16", "f32", "f64", "bf16", "float", "float16", "float32", "float64",
    "half", "double", "bfloat16", "FLOAT32", "int8", "nhwc", "nchw", "NHWC",
    "NCHW", "nwhc", "auto", "automatic", "Winograd", "taps", "implicit",
    "column", "groups", "direct", "reference", "BWD_D", "bwd_d", "FWD_D",
    "BWD_W", "BWD_B", "forward", "input-gradient", "filter-gradient",
    "backward", "standard", "tight", "Tight", "table", "JSON", "csv", "md",
    "markdown", "all", "exact", "bound", "special", "algebra", "geometry",
    "estimate", "measure", "column-pixels", "EXPLICIT",
  ]
}
