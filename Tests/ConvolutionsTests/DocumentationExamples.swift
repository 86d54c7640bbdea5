import ConvolutionTestSupport
import Convolutions
import Testing

/// The Swift of the README and the documentation pages stands here too, and so
/// compiles. ``DocumentationTests`` compares.
@Suite("The programs of the documentation do what its pages say")
struct DocumentationExamples {
  // MARK: - README

  @Test func readmeFirstResult() throws {
    // A filter [kh, kw, Cin, Cout] and the gradient of a convolution's output,
    // [N, oh, ow, Cout].
    let filter = try Tensor<Float>(shape: [2, 2, 1, 1], scalars: [1, 2, 3, 4])
    let dy = try Tensor<Float>(shape: [1, 1, 2, 1], scalars: [1, 2])

    // The gradient of the convolution's input.
    let dx = try conv2DBackpropInput(
      inputSizes: [1, 2, 3, 1], filter: filter, outBackprop: dy,
      padding: .valid)
    print(dx.scalars)

    try expectShown("\(dx.scalars)", on: "README.md")
  }

  @Test func readmeProgram() throws {
    // The layer's filter and the gradient of its output.
    let filter = try Tensor<Float>(shape: [3, 3, 64, 128], repeating: 0.01)
    let dy = try Tensor<Float>(shape: [8, 28, 28, 128], repeating: 1)

    // The gradient of its input: one call, TensorFlow's names.
    let dx = try conv2DBackpropInput(
      inputSizes: [8, 56, 56, 64], filter: filter, outBackprop: dy,
      strides: [1, 2, 2, 1], padding: .same)

    // Many calls on one geometry: plan once, prepare the filter once a step.
    let geometry = try Conv2DGeometry(
      inputSizes: dx.shape, filterSizes: filter.shape,
      outBackpropSizes: dy.shape, strides: [1, 2, 2, 1], padding: .same)
    let plan = try InputGradientPlan<Float>(geometry)
    let packed = plan.prepare(filter: filter)
    var workspace = plan.makeWorkspace()
    var result = try Tensor<Float>(shape: geometry.inputSizes, repeating: 0)
    plan.execute(
      filter: packed, outBackprop: dy, into: &result, workspace: &workspace)
    print(plan)

    // The rest of a training step: the convolution, and its filter's gradient.
    let y = try conv2D(
      input: dx, filter: filter, strides: [1, 2, 2, 1], padding: .same)
    let dw = try conv2DBackpropFilter(
      input: dx, filterSizes: filter.shape, outBackprop: dy,
      strides: [1, 2, 2, 1], padding: .same)

    #expect(result == dx)
    #expect(y.shape == dy.shape && dw.shape == filter.shape)
    // Every pixel of the result is seen by at least one window.
    #expect(dx.scalars.allSatisfy { $0 > 1 })
  }

  // MARK: - Pages

  @Test func landingPage() throws {
    // A filter [kh, kw, Cin, Cout] and the gradient of a convolution's output,
    // [N, oh, ow, Cout].
    let filter = try Tensor<Float>(shape: [2, 2, 1, 1], scalars: [1, 2, 3, 4])
    let dy = try Tensor<Float>(shape: [1, 1, 2, 1], scalars: [1, 2])

    // The gradient of the convolution's input.
    let dx = try conv2DBackpropInput(
      inputSizes: [1, 2, 3, 1], filter: filter, outBackprop: dy,
      padding: .valid)
    print(dx.scalars)

    let geometry = try Conv2DGeometry(
      inputSizes: dx.shape, filterSizes: filter.shape,
      outBackpropSizes: dy.shape, padding: .valid)
    let plan = try InputGradientPlan<Float>(geometry)
    let packed = plan.prepare(filter: filter)
    var workspace = plan.makeWorkspace()
    var result = try Tensor<Float>(shape: geometry.inputSizes, repeating: 0)
    plan.execute(
      filter: packed, outBackprop: dy, into: &result, workspace: &workspace)

    do throws(Conv2DError) {
      _ = try conv2DBackpropInput(
        inputSizes: [1, 2, 5, 1], filter: filter, outBackprop: dy,
        padding: .valid)
    } catch {
      print(error)
    }

    #expect(result == dx)
    try expectShown("\(dx.scalars)", on: "Convolutions.md")
    let error = #expect(throws: Conv2DError.self) {
      try conv2DBackpropInput(
        inputSizes: [1, 2, 5, 1], filter: filter, outBackprop: dy,
        padding: .valid)
    }
    try expectShown("\(try #require(error))", on: "Convolutions.md")
  }

  @Test func layoutsAndPadding() throws {
    let same = try Conv2DGeometry(
      inputSizes: [1, 6, 6, 1], filterSizes: [3, 3, 1, 1],
      strides: [1, 2, 2, 1], padding: .same)
    print(same.outBackpropSizes, same.padTop, same.padBottom)

    let explicit = try Conv2DGeometry(
      inputSizes: [1, 6, 6, 1], filterSizes: [3, 3, 1, 1],
      strides: [1, 2, 2, 1],
      padding: .explicit(
        top: 1, bottom: 1, left: 1, right: 1, dataFormat: .nhwc))
    print(explicit.outBackpropSizes, explicit.padTop, explicit.padBottom)

    let sizes = Conv2DGeometry.legalInputSizes(
      outputSize: 3, kernelSize: 3, stride: 2, padding: .same)
    print(sizes!)

    let page = "LayoutsAndPadding.md"
    for geometry in [same, explicit] {
      try expectShown(
        "\(geometry.outBackpropSizes) \(geometry.padTop) "
          + "\(geometry.padBottom)", on: page)
    }
    try expectShown("\(try #require(sizes))", on: page)
  }

  @Test func algorithms() throws {
    let geometry = try Conv2DGeometry(
      inputSizes: [8, 56, 56, 64], filterSizes: [3, 3, 64, 64],
      outBackpropSizes: [8, 56, 56, 64], padding: .same)
    let plan = try InputGradientPlan<Float>(geometry)
    print(plan)

    var options = ConvolutionOptions()
    options.algorithm = .taps
    let taps = try InputGradientPlan<Float>(geometry, options: options)

    options.algorithm = .automatic
    options.tuning = .measure
    let measured = try InputGradientPlan<Float>(geometry, options: options)
    print(taps.algorithm, measured.algorithm)

    #expect(taps.algorithm == .taps && measured.algorithm != .automatic)
    // The rest depends on the machine.
    #expect("\(plan)".contains(" (expected to be the fastest): "))
    try expectShown(" (expected to be the fastest): ", on: "Algorithms.md")
  }

  @Test func accuracy() throws {
    let geometry = try Conv2DGeometry(
      inputSizes: [8, 28, 28, 128], filterSizes: [3, 3, 128, 128],
      outBackpropSizes: [8, 28, 28, 128], padding: .same)
    let standard = try InputGradientPlan<Float>(geometry)
    let tight = try InputGradientPlan<Float>(
      geometry, options: .init(accuracy: .tight))
    for plan in [standard, tight] {
      print(plan.algorithm, plan.expectedError ?? "as a plain sum")
    }

    for plan in [standard, tight] {
      #expect(plan.expectedError ?? 0 < 1e-6)
    }
  }

  @Test func performance() throws {
    let geometry = try Conv2DGeometry(
      inputSizes: [8, 14, 14, 256], filterSizes: [3, 3, 256, 256],
      outBackpropSizes: [8, 14, 14, 256], padding: .same)
    let plan = try InputGradientPlan<Float>(geometry)
    let filter = try Tensor<Float>(shape: geometry.filterSizes, repeating: 0.01)
    let packed = plan.prepare(filter: filter)  // once a step
    var workspace = plan.makeWorkspace()  // once a thread that calls
    var dx = try Tensor<Float>(shape: geometry.inputSizes, repeating: 0)
    for batch in 1...3 {
      let dy = try Tensor<Float>(
        shape: geometry.outBackpropSizes, repeating: Float(batch))
      plan.execute(
        filter: packed, outBackprop: dy, into: &dx, workspace: &workspace)
    }

    let small = try InputGradientPlan<Float>(
      geometry, options: .init(threads: 2, workspaceLimit: 4 << 20))
    print(small.workspaceByteCount <= 4 << 20, small.threads)

    #expect(dx.scalars.allSatisfy { $0 > 0 })
    #expect(small.workspaceByteCount <= 4 << 20)
  }

  // MARK: - Coming from another library

  @Test func comingFromTensorFlow() throws {
    let kernel = try Tensor<Float>(shape: [2, 2, 1, 1], scalars: [1, 2, 3, 4])
    let dy = try Tensor<Float>(shape: [1, 1, 2, 1], scalars: [1, 2])
    let dx = try conv2DBackpropInput(
      inputSizes: [1, 2, 3, 1], filter: kernel, outBackprop: dy,
      strides: [1, 1, 1, 1], padding: .valid)
    print(dx.scalars)  // [1.0, 4.0, 4.0, 3.0, 10.0, 8.0]

    let x = try Tensor<Float>(shape: [1, 2, 2, 1], scalars: [1, 2, 3, 4])
    let filters = try Tensor<Float>(
      shape: [3, 3, 1, 1], scalars: (1...9).map(Float.init))
    let y = try conv2DTranspose(
      input: x, filter: filters, outputShape: [1, 3, 3, 1], strides: [2],
      padding: .same)
    print(y.scalars)  // [5.0, 14.0, 10.0, 14.0, 36.0, 24.0, 15.0, 34.0, 20.0]

    do throws(Conv2DError) {
      _ = try conv2DTranspose(
        input: x, filter: filters, outputShape: [1, 6, 6, 1], strides: [2],
        padding: .same)
    } catch {
      print(error)
    }

    let page = "ComingFromTensorFlow.md"
    try expectShown("\(dx.scalars)", on: page)
    try expectShown("\(y.scalars)", on: page)
    let error = #expect(throws: Conv2DError.self) {
      try conv2DTranspose(
        input: x, filter: filters, outputShape: [1, 6, 6, 1], strides: [2],
        padding: .same)
    }
    try expectShown("\(try #require(error))", on: page)
  }

  @Test func comingFromPyTorch() throws {
    /// PyTorch's weight `[a, b, kh, kw]` as the filter `[kh, kw, b, a]`.
    func filter(
      fromPyTorch weight: [Float], sizes: [Int]
    ) throws -> Tensor<Float> {
      let (outer, inner, taps) = (sizes[0], sizes[1], sizes[2] * sizes[3])
      var scalars = [Float](repeating: 0, count: weight.count)
      for a in 0..<outer {
        for b in 0..<inner {
          for tap in 0..<taps {
            scalars[(tap * inner + b) * outer + a] =
              weight[(a * inner + b) * taps + tap]
          }
        }
      }
      return try Tensor(
        shape: [sizes[2], sizes[3], inner, outer], scalars: scalars)
    }

    let x = try Tensor<Float>(
      shape: [1, 2, 2, 2], scalars: (1...8).map(Float.init))
    let weight = try filter(
      fromPyTorch: (1...36).map(Float.init), sizes: [2, 2, 3, 3])
    let padding = Padding.explicit(
      top: 1, bottom: 1, left: 1, right: 1, dataFormat: .nchw)
    let y = try conv2DTranspose(
      input: x, filter: weight, outputShape: [1, 2, 4, 4], strides: [2],
      padding: padding, dataFormat: .nchw)
    print(y.shape, y.scalars.prefix(4))

    let sizes = Conv2DGeometry.legalInputSizes(
      outputSize: 2, kernelSize: 3, stride: 2, padding: padding, dimension: 2)
    print(sizes!)

    do throws(Conv2DError) {
      _ = try conv2DTranspose(
        input: x, filter: weight, outputShape: [1, 2, 6, 6], strides: [2],
        padding: padding, dataFormat: .nchw)
    } catch {
      print(error)
    }

    let image = try Tensor<Float>(shape: [2, 16, 56, 56], repeating: 1)
    let kernel = try Tensor<Float>(shape: [3, 3, 16, 32], repeating: 0.01)
    let output = try conv2D(
      input: image, filter: kernel, strides: [1, 1, 2, 2], padding: padding,
      dataFormat: .nchw)
    let gradient = try Tensor<Float>(shape: output.shape, repeating: 1)
    let imageGradient = try conv2DBackpropInput(
      inputSizes: image.shape, filter: kernel, outBackprop: gradient,
      strides: [1, 1, 2, 2], padding: padding, dataFormat: .nchw)
    let kernelGradient = try conv2DBackpropFilter(
      input: image, filterSizes: kernel.shape, outBackprop: gradient,
      strides: [1, 1, 2, 2], padding: padding, dataFormat: .nchw)

    let page = "ComingFromPyTorch.md"
    try expectShown("\(y.shape) \(y.scalars.prefix(4))", on: page)
    try expectShown("\(try #require(sizes))", on: page)
    let error = #expect(throws: Conv2DError.self) {
      try conv2DTranspose(
        input: x, filter: weight, outputShape: [1, 2, 6, 6], strides: [2],
        padding: padding, dataFormat: .nchw)
    }
    try expectShown("\(try #require(error))", on: page)
    #expect(output.shape == [2, 32, 28, 28])
    #expect(imageGradient.shape == image.shape)
    #expect(kernelGradient.shape == kernel.shape)
  }

  @Test func comingFromOneDNN() throws {
    let geometry = try Conv2DGeometry(
      inputSizes: [8, 56, 56, 64], filterSizes: [3, 3, 64, 128],
      outBackpropSizes: [8, 26, 26, 128], strides: [1, 2, 2, 1],
      padding: .explicit(
        top: 0, bottom: 0, left: 0, right: 0, dataFormat: .nhwc),
      dilations: [1, 2, 2, 1])
    let plan = try InputGradientPlan<Float>(geometry)

    // The weights as the program has them, and as the plan reads them.
    let given = try Tensor<Float>(shape: geometry.filterSizes, repeating: 0.01)
    let packed = plan.prepare(filter: given)
    let diffDst = try Tensor<Float>(
      shape: geometry.outBackpropSizes, repeating: 1)
    var diffSrc = try Tensor<Float>(shape: geometry.inputSizes, repeating: 0)
    var scratchpad = plan.makeWorkspace()
    plan.execute(
      filter: packed, outBackprop: diffDst, into: &diffSrc,
      workspace: &scratchpad)

    print(geometry.dilations, geometry.descriptor)

    #expect(diffSrc.scalars.contains { $0 > 1 })
    try expectShown(
      "\(geometry.dilations) \(geometry.descriptor)",
      on: "ComingFromOneDNN.md")
  }

  /// Expects what an example prints to stand on its page.
  private func expectShown(_ text: String, on name: String) throws {
    let page = try #require(Page.all().first { $0.path.hasSuffix(name) })
    #expect(page.text.contains(text), "\(name) does not show: \(text)")
  }
}
