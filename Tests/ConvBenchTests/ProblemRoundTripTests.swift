import ConvolutionTestSupport
import Convolutions
import Testing

@testable import convbench

/// What the package prints of a problem is read as that problem.
@Suite struct ProblemRoundTripTests {
  /// Random problems, of any padding; degenerate ones among them.
  private static let geometries: [Conv2DGeometry] = {
    var generator = SeededGenerator(seed: 16)
    return (0..<2000).map { _ in RandomGeometry.draw(using: &generator) }
  }()

  @Test func descriptors() throws {
    for geometry in Self.geometries {
      let read = try ProblemDescriptor(
        geometry.descriptor,
        padAfter: (geometry.padBottom, geometry.padRight))
      #expect(try read.geometry(geometry.dataFormat) == geometry)
      // Far pads that no window reaches are not in a descriptor alone.
      try expectSameWindows(
        ProblemDescriptor(geometry.descriptor).geometry(geometry.dataFormat),
        geometry)
      try expectSameWindows(
        ProblemDescriptor(read.shortDescriptor).geometry(geometry.dataFormat),
        geometry)
    }
  }

  /// The line that reruns a case has all of it.
  @Test func rerunLines() throws {
    var generator = SeededGenerator(seed: 17)
    for geometry in Self.geometries.prefix(300) {
      let test = VerificationCase(
        suite: generator.pick(VerificationSuite.allCases),
        operation: generator.pick(ConvolutionOperation.allCases),
        geometry: geometry, type: generator.pick(ScalarType.allCases),
        algorithm: generator.pick(ConvolutionAlgorithm.allCases),
        threads: generator.int(1...5),
        workspaceLimit: generator.pick([nil, 4096]),
        seed: generator.next() >> 40)
      let words = test.reproduction.split(separator: " ").map(String.init)
      #expect(words[..<2] == ["convbench", "verify"])
      let command = try VerifyCommand.parse(Array(words[2...]))
      #expect(try command.geometry(of: #require(command.problem)) == geometry)
      #expect(command.suites.values == [test.suite])
      #expect(command.operations?.values == [test.operation])
      #expect(command.types?.values == [test.type])
      #expect(command.algorithms?.values == [test.algorithm])
      #expect(command.threads == test.threads)
      #expect(command.workspaceLimit == test.workspaceLimit)
      #expect(command.seed == test.seed)
    }
  }

  @Test(arguments: ConvolutionOperation.allCases)
  func verboseLines(_ operation: ConvolutionOperation) throws {
    let options = ConvolutionOptions(algorithm: .direct, threads: 1)
    let time = Duration.milliseconds(2)
    for geometry in Self.geometries.prefix(300) {
      let plan = try OperationPlan(
        operation, .float16, geometry, options: options)
      let line = Verbose.line(plan, time)
      let call = try #require(VerboseLine(line)).call()
      #expect(call.operation == operation && call.type == .float16)
      #expect(call.layout == geometry.dataFormat && call.milliseconds == 2)
      try expectSameWindows(
        call.problem.geometry(geometry.dataFormat), geometry)
    }
  }

  private func expectSameWindows(
    _ read: Conv2DGeometry, _ geometry: Conv2DGeometry
  ) {
    #expect(read.descriptor == geometry.descriptor)
    #expect(read.filterSizes == geometry.filterSizes)
    #expect(read.dataFormat == geometry.dataFormat)
    #expect(
      read.padBottom <= geometry.padBottom && read.padRight <= geometry.padRight
    )
  }
}
