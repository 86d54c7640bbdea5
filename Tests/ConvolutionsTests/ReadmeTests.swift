import Convolutions
import Foundation
import Testing

/// The README's library example, which stands here too and so compiles.
@Suite struct ReadmeTests {
  @Test func exampleRuns() throws {
    // The layer's filter [kh, kw, Cin, Cout] and the gradient of its output.
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

  @Test func exampleIsTheReadmes() throws {
    let here = URL(fileURLWithPath: #filePath)
    let root = here.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let readme = try lines(root.appendingPathComponent("README.md"))
    let block = readme.drop { $0 != "```swift" }.dropFirst()
      .prefix { $0 != "```" }
    let example = block.filter { !$0.isEmpty && $0 != "import Convolutions" }
    #expect(example.count > 10)
    // Here the same lines stand one after the other.
    let test = try lines(here).map { $0.trimmingPrefix("    ") }
      .filter { !$0.isEmpty }
    let start = try #require(test.firstIndex { $0 == example.first! })
    #expect(test[start...].prefix(example.count).map(String.init) == example)
  }

  private func lines(_ file: URL) throws -> [String] {
    try String(contentsOf: file, encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
      .map(String.init)
  }
}
