import ConvolutionTestSupport
import Testing

@testable import Convolutions

@Suite("The errors of Winograd are those that its plans expect")
struct WinogradTests {
  /// Relative Frobenius errors: within the promises, and as the plan expects.
  @Test(arguments: [
    "mb1ic64ih16iw16oc128oh16ow16kh3kw3ph1pw1",
    "mb1ic32ih20iw20oc256oh10ow10kh4kw4sh2sw2ph1pw1",
    "mb1ic48ih17iw14oc64oh17ow14kh5kw5ph2pw2",
    "mb1ic32ih20iw24oc192oh20ow24kh5kw5ph2pw2",
    "mb2ic40ih12iw30oc512oh12ow30kh1kw3ph0pw1",
    "mb2ic40ih12iw17oc192oh12ow17kh1kw7ph0pw3",
    "mb1ic32ih24iw30oc256oh24ow30kh3kw3ph2pw2dh1dw1",
  ])
  func errorsAreAsExpected(_ descriptor: String) throws {
    let geometry = try problem(descriptor)
    let (filter, outBackprop) = realData(Float.self, geometry)
    let results = try Errors(geometry, filter, outBackprop) { _, _ in true }
    for accuracy in Accuracy.allCases {
      let measured = try results.winograd(accuracy)
      let plan = try InputGradientPlan<Float>(
        geometry, options: .init(algorithm: .winograd, accuracy: accuracy))
      let expected = try #require(plan.expectedError)
      #expect(
        measured < (accuracy == .tight ? results.plain : 1e-6), "\(accuracy)")
      #expect((0.5...1.3).contains(measured / expected), "\(accuracy)")
    }
  }

  /// Every set that is not exact on integers, in both layouts: those are in the
  /// exact suite.
  @Test(
    arguments: DataFormat.allCases,
    [
      ("mb2ic24ih16iw16oc24oh8ow8kh4kw4sh2sw2ph1pw1", Accuracy.standard, 25),
      ("g2mb2ic24ih8iw12oc48oh8ow12kh3kw3ph1pw1", .standard, 36),
      ("mb1ic40ih10iw10oc24oh10ow10kh3kw3ph1pw1", .standard, 32),
      ("mb1ic24ih9iw9oc24oh9ow9kh6kw6ph3pw3", .tight, 81),
      ("mb1ic24ih12iw12oc24oh12ow12kh6kw6ph3pw3", .standard, 100),
      ("g2mb1ic40ih20iw24oc48oh20ow24kh6kw6ph5pw5dh1dw1", .standard, 110),
      ("mb1ic24ih9iw16oc24oh9ow16kh1kw8ph0pw4", .standard, 11),
      // A filter that is written past the caches.
      ("mb1ic416ih8iw8oc416oh8ow8kh3kw3ph1pw1", .standard, 36),
    ])
  func widePoints(
    _ format: DataFormat, _ layer: (String, Accuracy, Int)
  ) throws {
    let geometry = try problem(layer.0, format)
    let (filter, outBackprop) = realData(Float.self, geometry)
    let plan = try InputGradientPlan<Float>(
      geometry,
      options: .init(algorithm: .winograd, accuracy: layer.1))
    // On other cores the least work is with others.
    let small = try Winograd<Float>(
      KernelRequest(
        map: ConvolutionMap(geometry, .inputGradient, .float32),
        accuracy: .accuracy(layer.1), products: .blas, core: .small))
    #expect(small.summary.contains("with \(layer.2) products"), "\(plan)")
    let result = inputGradient(
      plan, filter: plan.prepare(filter: filter.span),
      outBackprop: outBackprop, prefill: .nan)
    let errors = LayerCheck.errors(
      .inputGradient, geometry: geometry, filter, outBackprop,
      result: result)
    #expect(errors.relative < 1e-6)
    #expect(errors.largest < 4e-6)
  }

  /// On real layers: the error promised, and not much workspace.
  @Test(arguments: LayerTable.headline)
  func realLayersKeepThePromise(_ layer: Layer) throws {
    for format in DataFormat.allCases {
      let geometry = try problem(layer.descriptor, format)
      func check<Scalar: ConvolutionScalar>(_ type: Scalar.Type) throws {
        for accuracy in Accuracy.allCases {
          let plan = try InputGradientPlan<Scalar>(
            geometry, options: .init(accuracy: accuracy, threads: 1))
          #expect(plan.expectedError ?? 0 < 1e-6, "\(plan)")
          #expect(plan.workspaceByteCount <= 32 << 20, "\(plan)")
        }
      }
      try check(Float.self)
      try check(BFloat16.self)
      try check(Double.self)
    }
  }

  /// Of so many channels even the smallest task is large: not too large in
  /// float32, but in float64.
  @Test func workspaceIsBounded() throws {
    let geometry = try problem("mb1ic16ih16iw16oc100000oh16ow16kh3kw3ph1pw1")
    let options = ConvolutionOptions(algorithm: .winograd, threads: 1)
    let plan = try InputGradientPlan<Float>(geometry, options: options)
    #expect((16 << 20...32 << 20).contains(plan.workspaceByteCount))
    #expect {
      try InputGradientPlan<Double>(geometry, options: options)
    } throws: {
      guard case Conv2DError.unsupported(.winograd, let reason) = $0 else {
        return false
      }
      return reason.contains("32 MiB")
    }
  }

  /// Sums that nearly cancel: channels of out_backprop that hardly vary, and
  /// weights that add up to zero.
  @Test(arguments: [
    "mb1ic32ih24iw24oc256oh24ow24kh3kw3ph1pw1",
    "mb1ic32ih24iw24oc128oh24ow24kh5kw5ph2pw2",
  ])
  func cancellingSums(_ descriptor: String) throws {
    let geometry = try problem(descriptor)
    var (filter, outBackprop) = realData(Float.self, geometry)
    let channels = geometry.outputChannels
    for index in outBackprop.indices where index >= channels {
      outBackprop[index] =
        outBackprop[index % channels] + outBackprop[index] / 128
    }
    let tapCount = geometry.kernelHeight * geometry.kernelWidth
    let weights = filter.count / tapCount
    for index in 0..<weights {
      let taps = stride(from: index, to: filter.count, by: weights)
      let mean =
        taps.reduce(0.0) { $0 + Double(filter[$1]) } / Double(tapCount)
      // Rounded to steps small enough that the sum of the taps is exact.
      for tap in taps {
        filter[tap] = Float(((Double(filter[tap]) - mean) * 0x1p16).rounded())
      }
      filter[index] -= taps.reduce(0) { $0 + filter[$1] }
    }
    let (rows, columns) = (geometry.kernelHeight, geometry.kernelWidth)
    let results = try Errors(geometry, filter, outBackprop) { y, x in
      (rows..<geometry.inputHeight - rows).contains(y)
        && (columns..<geometry.inputWidth - columns).contains(x)
    }
    #expect(try results.winograd(.tight) < results.plain)
  }

  /// Errors of some results of NHWC in single precision.
  private struct Errors {
    let geometry: Conv2DGeometry
    let filter: [Float]
    let outBackprop: [Float]
    /// One sum after the other is slow here: a tenth of the results will do.
    let sample: [Int]
    let truth: [Double]
    /// The error of a running sum.
    private(set) var plain = 0.0

    init(
      _ geometry: Conv2DGeometry, _ filter: [Float], _ outBackprop: [Float],
      where isMeant: (_ y: Int, _ x: Int) -> Bool
    ) throws {
      self.geometry = geometry
      self.filter = filter
      self.outBackprop = outBackprop
      let channels = geometry.inputChannels
      sample = stride(from: 0, to: geometry.inputCount, by: 11).filter {
        let pixel = $0 / channels
        return isMeant(
          pixel / geometry.inputWidth % geometry.inputHeight,
          pixel % geometry.inputWidth)
      }
      truth = try inputGradient(
        geometry, .init(algorithm: .taps), filter: filter.map(Double.init),
        outBackprop: outBackprop.map(Double.init), prefill: .nan)
      plain = error(
        WinogradTests.runningSums(
          geometry, filter, outBackprop, at: sample))
    }

    func winograd(_ accuracy: Accuracy) throws -> Double {
      try error(.winograd, accuracy)
    }

    func error(
      _ algorithm: ConvolutionAlgorithm, _ accuracy: Accuracy
    ) throws -> Double {
      error(
        try inputGradient(
          geometry, .init(algorithm: algorithm, accuracy: accuracy),
          filter: filter, outBackprop: outBackprop, prefill: .nan))
    }

    private func error(_ result: [Float]) -> Double {
      var (difference, whole) = (0.0, 0.0)
      for place in sample {
        let error = Double(result[place]) - truth[place]
        difference += error * error
        whole += truth[place] * truth[place]
      }
      return (difference / whole).squareRoot()
    }
  }

  /// Some results, term after term in one `Float`.
  private static func runningSums(
    _ geometry: Conv2DGeometry, _ filter: [Float], _ outBackprop: [Float],
    at places: [Int]
  ) -> [Float] {
    let terms = ResultTerms(.inputGradient, geometry)
    var result = [Float](repeating: 0, count: geometry.inputCount)
    for place in places {
      terms.forEachRun(of: place) { run in
        for index in 0..<run.count {
          result[place] +=
            filter[run.first + index * run.firstStride]
            * outBackprop[run.second + index * run.secondStride]
        }
      }
    }
    return result
  }

  /// The amplifications that the study of the points gives.
  @Test func amplifications() {
    for (points, expected) in [
      (WinogradSet.four, 1.67), (.five, 2.62), (.six, 4.78), (.seven, 1.83),
      (.eight, 2.14), (.nine, 2.95), (.ten, 4.77), (.eleven, 8.69),
    ] {
      let axis = points.matrices(taps: 3).amplification
      #expect(abs(axis * axis - expected) < 0.01, "\(points)")
    }
  }
}
