import Convolutions
import Foundation
import Testing

/// The executable does, and shows, what environment variables ask for.
@Suite struct EnvironmentVariableTests {
  @Test func environment() throws {
    let run = try Run(["env"], environment: ["OPENBLAS_L2_SIZE": "1234"])
    #expect(run.status == 0)
    #expect(run.output.contains(BLASRuntime.coreName))
    #expect(run.output.contains("1234"))
  }

  /// Asked for no better instruction set than one, kernels are of that one or of
  /// the best that the CPU has.
  @Test(arguments: InstructionSet.allCases)
  func instructionSet(_ most: InstructionSet) throws {
    let run = try Run(
      ["env"], environment: ["CONVOLUTIONS_MAX_ISA": most.rawValue])
    #expect(run.status == 0)
    let order = InstructionSet.allCases
    let taken = InstructionSet.available.first {
      order.firstIndex(of: $0)! >= order.firstIndex(of: most)!
    }!
    #expect(
      run.output.split(separator: "\n").contains {
        $0.hasPrefix("instruction set ") && $0.hasSuffix(" \(taken)")
      })
    #expect(
      run.errors.contains("CONVOLUTIONS_MAX_ISA keeps the kernels to \(taken)")
        == (taken != InstructionSet.available[0]))
  }

  /// One line, and the best that there is.
  @Test func unknownInstructionSet() throws {
    let run = try Run(["env"], environment: ["CONVOLUTIONS_MAX_ISA": "sse9"])
    #expect(run.status == 0)
    // A warning of a pinned OpenBLAS may follow.
    #expect(
      run.errors.hasPrefix(
        "CONVOLUTIONS_MAX_ISA is 'sse9', none of avx512, avx2 and baseline: it "
          + "is ignored\n"))
    #expect(
      run.output.split(separator: "\n").contains {
        $0.hasPrefix("instruction set ")
          && $0.hasSuffix(" \(InstructionSet.available[0])")
      })
  }

  /// The library's own line a call, in the field order of oneDNN's.
  @Test(arguments: [
    ("input-gradient", "backward_data"), ("forward", "forward_training"),
    ("filter-gradient", "backward_weights"),
  ])
  func verboseLines(_ operation: String, _ propagation: String) throws {
    let arguments = [
      "bench", quickProblem, "--op", operation, "--min-time", "0",
      "--threads", "1",
    ]
    let silent = try Run(arguments)
    #expect(!silent.output.contains("convolutions_verbose"))
    let run = try Run(arguments, environment: ["CONVOLUTIONS_VERBOSE": "1"])
    #expect(run.status == 0)
    let lines = run.output.split(separator: "\n")
      .filter { $0.hasPrefix("convolutions_verbose,") }
    #expect(lines.count >= 8)
    for line in lines {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      #expect(fields.count == 12)
      #expect(fields[2] == "exec")
      #expect(fields[6] == propagation)
      #expect(fields[10].hasPrefix("mb1ic2ih4iw4oc3oh4ow4kh3kw3"))
      #expect((Double(fields[11]) ?? -1) > 0)
    }
  }
}
