import ConvolutionTestSupport
import Testing

@testable import Convolutions

@Suite("What a plan cannot do it refuses, with the reason")
struct RefusalTests {
  @Test func algorithmsThatCannotServe() throws {
    try check(
      .inputGradient,
      [
        ("mb2ic4ih6iw6oc9oh4ow4kh3kw3", .narrowGroups, "more than 8 channels"),
        (
          "g2mb2ic4ih6iw6oc18oh4ow4kh3kw3", .narrowGroups,
          "more than 8 channels"
        ),
        ("mb1ic1iw900000oc1ow900000kw1", .narrowGroups, "the cache"),
        ("mb1ic4ih65iw65oc4oh1ow1kh1kw1sh65sw65", .implicit, "above 64"),
        ("mb2ic4ih9iw9oc4oh3ow3kh3kw3ph3pw3dh5dw5", .winograd, "dilation"),
        ("mb2ic4ih9iw9oc4oh4ow4kh3kw3sh2sw2dh1dw1", .winograd, "without taps"),
        ("mb2ic4ih9iw9oc4oh9ow9kh1kw1", .winograd, "1 tap"),
        ("mb2ic4ih12iw12oc4oh4ow4kh9kw9", .winograd, "8 taps"),
        ("mb2ic4ih9iw9oc4oh3ow3kh2kw2sh3sw3", .winograd, "above the kernel"),
        ("mb2ic4ih21iw21oc4oh4ow4kh6kw6sh5sw5", .winograd, "above 4"),
      ])
  }

  /// Whether implicit GEMM serves does not depend on the batch.
  @Test func implicitServesAnyBatch() throws {
    for batch in [1, 7, 8, 9, 16, 33] {
      let geometry = try problem(
        "mb\(batch)ic512ih7oc4096oh1kh7", .nchw)
      #expect(serves(.implicit, geometry, .forward), "\(batch)")
    }
  }

  @Test func algorithmsThatCannotServeForward() throws {
    try check(
      .forward,
      [
        ("mb2ic9ih6oc4oh4kh3", .narrowGroups, "more than 8 channels"),
        ("g2mb2ic18ih6oc4oh4kh3", .narrowGroups, "more than 8 channels"),
        ("mb1ic1iw900000oc1ow900000kw1", .narrowGroups, "the cache"),
        ("mb2ic4ih9oc4oh4kh3sh2ph0", .column, "a stride apart"),
        ("mb2ic1ih99oc4oh1kh99dh9999ph489950", .implicit, "cache"),
        ("mb2ic4ih9oc4oh4kh3sh2dh1", .winograd, "dilated"),
        ("mb2ic4ih9oc4oh9kh1", .winograd, "1 tap"),
        ("mb2ic4ih12oc4oh4kh9", .winograd, "8 taps"),
        ("mb2ic4ih9oc4oh3kh2sh3", .winograd, "above the kernel"),
        ("mb2ic4ih21oc4oh4kh6sh5ph0", .winograd, "above 4"),
      ])
  }

  @Test func algorithmsThatCannotServeTheFilterGradient() throws {
    try check(
      .filterGradient,
      [
        ("mb2ic4ih6oc4oh4kh3", .column, "none for the filter gradient"),
        ("mb2ic4ih6oc4oh4kh3", .implicit, "none for the filter gradient"),
        ("mb2ic3ih6oc3oh4kh3", .narrowGroups, "1, 2, 4 or 8 channels"),
        ("g2mb2ic4ih6oc8oh4kh3", .narrowGroups, "1, 2, 4 or 8 channels"),
        ("mb2ic2ih6oc2oh4kh3", .narrowGroups, "one group"),
        ("mb2ic4ih9oc4oh3kh3ph3dh5", .winograd, "dilation"),
        ("mb2ic4ih9oc4oh4kh3sh2ph0", .winograd, "stride"),
        ("mb2ic4ih9oc4oh9kh1", .winograd, "one tap"),
      ])
  }

  /// Channels beyond the 32 bits of the BLAS interface.
  @Test(arguments: [ConvolutionAlgorithm.column, .taps])
  func channelsBeyond32Bits(_ algorithm: ConvolutionAlgorithm) throws {
    let geometry = try problem("mb1ic1ih4iw4oc\(1 << 32)oh4ow4kh3kw3ph1pw1")
    #expect {
      try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: algorithm))
    } throws: {
      guard case Conv2DError.unsupported(algorithm, let reason) = $0
      else { return false }
      return reason.contains("32 bits")
    }
  }

  /// An algorithm takes its sums by the linked BLAS, on panels, or by either: what
  /// it does not have is refused with the reason.
  @Test(arguments: DataFormat.allCases)
  func productsThatAnAlgorithmLacks(_ format: DataFormat) throws {
    let geometry = try problem("mb2ic20ih9oc24oh9kh3ph1", format)
    func plan(
      _ algorithm: ConvolutionAlgorithm, _ products: ProductProvider
    ) throws(Conv2DError) -> InputGradientPlan<Float> {
      try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: algorithm, products: products))
    }
    func reason(
      _ algorithm: ConvolutionAlgorithm, _ products: ProductProvider
    ) -> String? {
      do throws(Conv2DError) {
        _ = try plan(algorithm, products)
        return nil
      } catch {
        return "\(error)"
      }
    }
    #expect(reason(.winograd, .panels) == nil)
    #expect(reason(.winograd, .blas)?.contains("of our own") == true)
    #expect(reason(.taps, .blas) == nil)
    #expect(reason(.taps, .panels)?.contains("linked BLAS") == true)
    #expect(reason(.implicit, .panels) == nil)
    #expect(reason(.implicit, .blas)?.contains("of our own") == true)
    #expect(try plan(.column, .blas).summary.hasPrefix("GEMM "))
    #expect(try plan(.column, .panels).summary.hasPrefix("panels "))
    // The filter gradient has no others.
    for algorithm in [ConvolutionAlgorithm.taps, .winograd] {
      #expect(throws: Conv2DError.self) {
        try FilterGradientPlan<Float>(
          geometry, options: .init(algorithm: algorithm, products: .blas))
      }
      _ = try FilterGradientPlan<Float>(
        geometry, options: .init(algorithm: algorithm, products: .panels))
    }
    #expect(
      try FilterGradientPlan<Float>(
        geometry, options: .init(products: .blas)
      ).algorithm == .direct)
    // What is chosen has them.
    #expect(try plan(.automatic, .panels).algorithm != .taps)
    #expect(
      ![.implicit, .winograd].contains(
        try plan(.automatic, .blas).algorithm))
  }

  @Test(arguments: [0, -1, Int.min])
  func threadsBelowOne(_ threads: Int) throws {
    let geometry = try problem(PlanTests.descriptor)
    #expect(throws: Conv2DError.threads(threads)) {
      try InputGradientPlan<Float>(geometry, options: .init(threads: threads))
    }
  }

  /// No limit is below 0, even where no workspace is needed.
  @Test(arguments: [-1, Int.min])
  func workspaceLimitBelowZero(_ limit: Int) throws {
    let empty = try problem("mb0ic2ih3iw3oc2oh3ow3kh3kw3ph1pw1")
    let cases = [
      (empty, ConvolutionAlgorithm.automatic), (empty, .column),
      (try problem(PlanTests.descriptor), .reference),
    ]
    for (geometry, algorithm) in cases {
      #expect(throws: Conv2DError.workspaceLimit(limit: limit, needed: 0)) {
        try InputGradientPlan<Float>(
          geometry,
          options: .init(algorithm: algorithm, workspaceLimit: limit))
      }
      let plan = try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: algorithm, workspaceLimit: 0))
      #expect(plan.workspaceByteCount == 0)
    }
  }

  private func check(
    _ operation: ConvolutionOperation,
    _ cases: [(String, ConvolutionAlgorithm, String)]
  ) throws {
    for (descriptor, algorithm, word) in cases {
      let geometry = try problem(descriptor)
      let error = #expect(throws: Conv2DError.self) {
        try operation.plan(
          Float.self, geometry, options: .init(algorithm: algorithm))
      }
      guard case .unsupported(algorithm, let reason) = error else {
        Issue.record("\(descriptor): \(String(describing: error))")
        continue
      }
      #expect(reason.contains(word), "\(operation) \(descriptor)")
      #expect("\(error!)".contains(algorithm.rawValue))
    }
  }
}
