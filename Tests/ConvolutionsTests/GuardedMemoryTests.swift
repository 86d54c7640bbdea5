import Foundation
import Testing

@testable import ConvolutionTestSupport
@testable import Convolutions

/// Each buffer ends at a page that cannot be touched; in a second run it begins
/// behind one. Operands lie on read-only pages. The result and the workspace are
/// full of NaN before.
@Suite("A call touches nothing but its buffers, and only reads its operands")
struct GuardedMemoryTests {
  /// Sizes one off a vector, a tile or a block of a matrix product, and shapes
  /// with an edge of their own.
  static let problems = [
    // Channels and depths around vectors and blocks.
    "mb2ic17ih5iw7oc15oh5ow7kh3kw3ph1pw1",
    "mb1ic65ih4iw5oc33oh4ow5kh3kw3ph1pw1",
    "mb1ic97ih3iw3oc17oh3ow3kh3kw3ph1pw1",
    "mb2ic31ih5iw7oc33oh5ow7kh1kw1",
    "mb1ic15ih3iw3oc530oh3ow3kh2kw3ph0pw1",
    "mb1ic1ih1iw1oc1oh1ow1kh1kw1",
    // Strides, dilations, both.
    "mb2ic5ih11iw12oc7oh5ow4kh4kw3sh2sw3ph1pw0",
    "mb2ic6ih13iw13oc5oh11ow9kh3kw3ph1pw0dh1dw1",
    "mb2ic7ih14iw17oc9oh6ow4kh3kw3sh2sw4ph1pw1dh1dw2",
    "mb2ic3ih17iw23oc5oh3ow3kh2kw3sh7sw8ph0pw1",
    "mb2ic9ih7iw8oc7oh4ow4kh1kw1sh2sw2",
    "mb2ic8ih8iw10oc9oh4ow5kh2kw2sh2sw2",
    // Pads beyond the kernel, a kernel beyond the image.
    "mb2ic4ih5iw6oc3oh13ow14kh3kw3ph5pw5",
    "mb2ic3ih5iw4oc5oh3ow2kh3kw3ph3pw3dh3dw3",
    // Groups, narrow and depthwise.
    "g3mb2ic15ih6iw7oc21oh6ow7kh3kw3ph1pw1",
    "g6mb2ic6ih9iw30oc6oh33ow54kh3kw3ph13pw13",
    "g17mb2ic17ih7iw18oc17oh7ow18kh3kw3ph1pw1",
    "g33mb1ic33ih9iw11oc33oh5ow6kh3kw3sh2sw2ph1pw1",
    "g9mb2ic18ih5iw17oc18oh5ow17kh3kw3ph1pw1",
    "g5mb2ic20ih7iw6oc20oh7ow6kh3kw3ph2pw2dh1dw1",
    "g3mb1ic24ih6iw5oc24oh6ow5kh3kw2ph1pw1",
    "g6mb2ic6ih9iw8oc12oh5ow4kh3kw3sh2sw2ph1pw1",
    // A copy of planes that is the last of a workspace.
    "mb1ic4ih6iw8oc2oh3ow2kh2kw5sh2sw3ph0pw0",
    // One channel, columns as vectors, with a stride and without.
    "mb2ic1ih9iw17oc3oh9ow17kh5kw5ph2pw2",
    "mb2ic2ih7iw35oc4oh4ow12kh3kw3sh2sw3ph1pw1",
    // Winograd's tiles: one off a whole number of them, and two axes apart.
    "mb2ic5ih13iw13oc6oh13ow13kh3kw3ph1pw1",
    "mb1ic17ih9iw10oc5oh9ow10kh5kw5ph2pw2",
    "mb1ic5ih17iw9oc18oh9ow5kh4kw4sh2sw2ph2pw2",
    "mb2ic9ih3iw21oc10oh3ow21kh1kw7ph0pw3",
    "mb2ic9ih21iw3oc10oh21ow3kh7kw1ph3pw0",
    "mb2ic16ih1iw67oc16oh1ow65kh1kw3",
    // Tiles over many images, whose phases have two lines and one.
    "mb9ic3ih3iw7oc5oh2ow4kh3kw3sh2sw2ph1pw1",
    "mb32ic16ih3iw3oc40oh1ow1kh4kw4sh2sw2ph1pw1",
    // Half types of long rows, which are widened some at a time.
    "mb1ic2ih1iw1000oc20oh1ow1000kh1kw1",
    // More rows than planning looks at.
    "mb1ic2ih16400iw1oc3oh16400ow1kh1kw1",
  ]

  @Test func guardsAreFelt() async {
    await #expect(processExitsWith: .success) {
      let memory = GuardedMemory([UInt8](repeating: 1, count: 24), at: .end)
      memory.forbidWrites()
      #expect(memory.bytes.reduce(0, +) == 24)
    }
    await #expect(processExitsWith: .failure) {
      let memory = GuardedMemory(byteCount: 24, at: .end)
      memory.start.storeBytes(
        of: 1, toByteOffset: 24, as: UInt8.self)
    }
    await #expect(processExitsWith: .failure) {
      let memory = GuardedMemory(byteCount: 24, at: .beginning)
      // An optimizer leaves out what nobody needs.
      print((memory.start - 1).load(as: UInt8.self))
    }
    await #expect(processExitsWith: .failure) {
      let memory = GuardedMemory(byteCount: 24, at: .end)
      memory.forbidWrites()
      memory.bytes[0] = 1
    }
    let memory = GuardedMemory(byteCount: 24, at: .end)
    #expect(memory.isIntact)
    (memory.start - 1).storeBytes(of: 1, as: UInt8.self)
    #expect(!memory.isIntact)
  }

  /// In a process of its own, which a fault ends; the last line that it wrote is
  /// the case.
  @Test func nothingElseIsTouched() async {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardErrorContent]
    ) {
      try GuardedMemoryTests.runProblems()
    }
    Self.reportLastCase(result)
  }

  @Test func nothingElseIsTouchedInRandomProblems() async {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardErrorContent]
    ) {
      try GuardedMemoryTests.runRandomProblems()
    }
    Self.reportLastCase(result)
  }

  private static func reportLastCase(_ result: ExitTest.Result?) {
    guard let result, result.exitStatus != .exitCode(EXIT_SUCCESS) else {
      return
    }
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    if let line = text.split(separator: "\n").last(where: {
      $0.hasPrefix("guarded: ")
    }) {
      Issue.record("\(line)")
    }
  }

  private static func runProblems() throws {
    var uses: [String: [WorkspaceUse]] = [:]
    for descriptor in problems {
      for format in DataFormat.allCases {
        let geometry = try problem(descriptor, format)
        for operation in ConvolutionOperation.allCases {
          for type in ScalarType.allCases {
            for (algorithm, use) in try run(operation, geometry, type, seed: 7)
            {
              uses["\(operation.rawValue) \(algorithm.rawValue)", default: []]
                .append(use)
            }
          }
        }
      }
    }
    // What is asked for is used, to the last cache line. The groups ask for the
    // largest tile that their tiling allows, which need not occur.
    let mostSurplus: [String: Double] = [
      "column": 1.1, "direct": 1.3, "groups": 4,
      "implicit": 1.8, "taps": 1.5, "winograd": 1.1,
    ]
    // None declines what it can do: of 34 problems in two layouts and four types.
    for operation in ConvolutionOperation.allCases {
      for algorithm in forcedAlgorithms {
        let count =
          uses["\(operation.rawValue) \(algorithm.rawValue)"]?.count ?? 0
        let isNone =
          operation == .filterGradient
          && [.implicit, .column].contains(algorithm)
        #expect(
          isNone ? count == 0 : count >= 40, "\(operation) \(algorithm)")
      }
    }
    for (name, uses) in uses {
      #expect(uses.contains { $0.surplus == 1 }, "\(name)")
      let most = mostSurplus[String(name.split(separator: " ")[1])] ?? 1
      #expect(
        uses.allSatisfy { $0.surplus <= most },
        "\(name): \(uses.map(\.surplus).max()!)")
    }
  }

  private static func runRandomProblems() throws {
    var generator = SeededGenerator(seed: 77)
    for _ in 0..<20 * testScale {
      let geometry = RandomGeometry.draw(using: &generator)
      // Less work while tests are few.
      if geometry.flops > 2e5 * Double(testScale) { continue }
      _ = try run(
        generator.pick(ConvolutionOperation.allCases), geometry,
        generator.pick(ScalarType.allCases),
        seed: UInt64(2 * generator.int(0...9999) + 1))
    }
  }

  private static func run(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry,
    _ type: ScalarType, seed: UInt64
  ) throws -> [(ConvolutionAlgorithm, WorkspaceUse)] {
    func run<Operation: PlannedOperation, Scalar: TestScalar>(
      _ operation: Operation.Type, _ type: Scalar.Type
    ) throws -> [(ConvolutionAlgorithm, WorkspaceUse)] {
      let problem = GuardedProblem<Operation, Scalar>(geometry, seed: seed)
      return
        try forcedAlgorithms
        .filter { serves($0, geometry, Operation.operation) }
        .map { ($0, try problem.run($0)) }
    }
    func run<Scalar: TestScalar>(
      _ type: Scalar.Type
    ) throws -> [(ConvolutionAlgorithm, WorkspaceUse)] {
      switch operation {
      case .inputGradient: try run(InputGradient.self, type)
      case .forward: try run(Forward.self, type)
      case .filterGradient: try run(FilterGradient.self, type)
      }
    }
    return try run(type.testType)
  }

  /// Copies past the caches, which go by whole lines between two rests.
  @Test(arguments: GuardedMemory.Edge.allCases)
  func streamsTouchNothingElse(_ edge: GuardedMemory.Edge) {
    for count in 0..<140 {
      let values = (0..<count).map { BFloat16(bits: UInt64($0)) }
      let source = GuardedMemory(values, at: edge)
      source.forbidWrites()
      let target = GuardedMemory(
        [BFloat16](repeating: .notANumber, count: count), at: edge)
      ResultSink.stream(
        source.start,
        to: MutableStoredPointer(target.start, .bfloat16), count: count)
      #expect(haveSameBits(target.values(BFloat16.self), values))
      #expect(target.isIntact)
    }
  }
}
