import Convolutions

/// Problems that others got wrong, and real layers at a size for testing.
package enum KnownGeometries {
  /// A problem in benchdnn's notation and, where the far pads do not follow
  /// from it, those.
  package struct Regression: Sendable, CustomStringConvertible {
    /// What went wrong, and where.
    package let story: String
    package let descriptor: String

    package var description: String { descriptor + ": " + story }
  }

  package static let regressions: [Regression] =
    [
      // Taps of a phase counted with k mod s (MIOpen #575).
      (3, 4), (3, 7), (3, 8), (5, 4), (5, 7), (5, 8),
    ].flatMap { stride, kernel in
      let input = 3 * stride + kernel + 1
      let story = "taps of a phase, MIOpen #575"
      return [
        Regression(
          story: story,
          descriptor: "mb2ic5ih\(input)iw\(input + 1)oc7oh4ow4"
            + "kh\(kernel)kw\(kernel)sh\(stride)sw\(stride)ph0pw0"),
        Regression(
          story: story + ", along one axis",
          descriptor: "mb2ic5ih\(input)iw5oc7oh4ow5"
            + "kh\(kernel)kw1sh\(stride)sw1ph0pw0"),
        Regression(
          story: story + ", along one axis",
          descriptor: "mb2ic5ih6iw\(input)oc7oh4ow4"
            + "kh3kw\(kernel)sh1sw\(stride)ph0pw0"),
      ]
    } + [
      Regression(
        story: "stride 3, oneDNN #542",
        descriptor: "mb1ic9oc3ih32iw32oh10ow10kh5kw5sh3sw3ph1pw1"),
      Regression(
        story: "stride 3 along one axis, oneDNN #542",
        descriptor: "mb2ic9oc3ih32iw1oh10ow1kh5kw1sh3sw1ph1pw0"),
      Regression(
        story: "pixels never written, MIOpen #1495",
        descriptor: "mb2ic9oc6ih9iw8oh5ow4kh1kw1sh2sw2ph0pw0"),
      Regression(
        story: "one window of one pixel, MIOpen #1495",
        descriptor: "mb3ic34oc18ih2iw2oh1ow1kh1kw1sh2sw2ph0pw0"),
      Regression(
        story: "one window, and the stride taken for 1, rocm-libraries #1593",
        descriptor: "mb2ic6oc9ih4iw3oh1ow1kh3kw2sh3sw2ph1pw0"),
      Regression(
        story: "more rows of a phase than windows, rocMLIR #307",
        descriptor: "mb2ic16oc16ih11iw13oh6ow7kh3kw3sh2sw2ph1pw1"),
      Regression(
        story: "rows never written, composable_kernel #105",
        descriptor: "mb2ic16oc8ih7iw7oh4ow4kh1kw1sh2sw2ph0pw0"),
      Regression(
        story: "kernel (k, 1), stride (s, 1), oneDNN #5730",
        descriptor: "mb2ic32oc64ih41iw3oh14ow3kh5kw1sh3sw1ph2pw0"),
      Regression(
        story: "the first layer of such a network: one channel",
        descriptor: "mb2ic1oc32ih41iw5oh14ow5kh5kw1sh3sw1ph2pw0"),
      Regression(
        story: "the last layer of such a network: one channel",
        descriptor: "mb2ic64oc1ih14iw7oh14ow7kh3kw1ph1pw0"),
      Regression(
        story: "kernel (1, k), stride (1, s)",
        descriptor: "mb2ic32oc64ih3iw41oh3ow14kh1kw5sh1sw3ph0pw2"),
      Regression(
        story: "a narrow image under a stride, fujitsu/oneDNN #43",
        descriptor: "mb2ic64oc17ih1iw8oh1ow4kh1kw3sh1sw2ph0pw1"),
      Regression(
        story: "1x1 with stride and few channels, oneDNN #6035",
        descriptor: "mb2ic3oc16ih8iw7oh4ow4kh1kw1sh2sw2ph0pw0"),
      Regression(
        story: "stride beyond the kernel",
        descriptor: "mb2ic3oc5ih17iw23oh3ow3kh2kw3sh7sw8ph0pw1"),
      Regression(
        story: "stride beyond the kernel, in groups",
        descriptor: "g4mb2ic8oc12ih13iw11oh3ow3kh2kw1sh5sw4ph0pw0"),
      Regression(
        story: "dilated kernel beyond the input",
        descriptor: "mb2ic3oc5ih5iw4oh3ow2kh3kw3sh1sw1dh3dw3ph3pw3"),
      Regression(
        story: "pads beyond the kernel",
        descriptor: "mb2ic4oc3ih5iw6oh13ow14kh3kw3sh1sw1ph5pw5"),
      Regression(
        story: "pads beyond the kernel, and a stride",
        descriptor: "mb2ic4oc3ih5iw7oh8ow6kh2kw3sh2sw3ph6pw5"),
      Regression(
        story: "a window beyond the image, bfloat16, PyTorch #163347",
        descriptor: "mb2ic1oc1ih1iw1oh2ow2kh2kw2ph1pw1"),
      Regression(
        story: "prime sizes",
        descriptor: "mb3ic13oc17ih19iw23oh17ow19kh3kw5sh1sw1ph0pw0"),
      Regression(
        story: "prime sizes under stride, dilation and groups",
        descriptor: "g3mb2ic15oc21ih23iw29oh9ow7kh3kw5sh2sw3dh2dw1ph0pw0"),
      Regression(
        story: "one row",
        descriptor: "mb2ic16oc16ih1iw67oh1ow65kh1kw3sh1sw1ph0pw0"),
      Regression(
        story: "one row under a tall kernel",
        descriptor: "mb2ic16oc16ih1iw67oh1ow67kh3kw3sh1sw1ph1pw1"),
      Regression(
        story: "one column",
        descriptor: "mb2ic16oc16ih67iw1oh65ow1kh3kw1sh1sw1ph0pw0"),
      Regression(
        story: "one column under a wide kernel",
        descriptor: "mb2ic16oc16ih67iw1oh67ow1kh3kw3sh1sw1ph1pw1"),
      Regression(
        story: "one off a block: channels, depth and pixels",
        descriptor: "mb2ic97oc65ih7iw9oh7ow9kh3kw3sh1sw1ph1pw1"),
      Regression(
        story: "one below a block: channels and depth",
        descriptor: "mb2ic31oc15ih8iw8oh8ow8kh3kw3sh1sw1ph1pw1"),
      Regression(
        story: "batch offset, caffe #3095",
        descriptor: "mb4ic4oc4ih6iw5oh6ow5kh3kw3sh1sw1ph1pw1"),
      Regression(
        story: "batch offset with groups, caffe #3095",
        descriptor: "g2mb4ic4oc6ih6iw5oh6ow5kh3kw3sh1sw1ph1pw1"),
      Regression(
        story: "depth beyond one product: beta on tail tiles",
        descriptor: "mb2ic33oc530ih5iw5oh5ow5kh3kw3sh1sw1ph1pw1"),
      Regression(
        story: "depthwise with a multiplier",
        descriptor: "g6mb2ic6oc12ih9iw8oh5ow4kh3kw3sh2sw2ph1pw1"),
    ]

  /// A layer of the table at about a quarter of its image and an eighth of its
  /// channels; kernel, stride, dilation and padding are the layer's.
  package static func scaledLayer(
    using generator: inout SeededGenerator
  ) -> Conv2DGeometry? {
    let layer = generator.pick(LayerTable.headline)
    let format = generator.pick(DataFormat.allCases)
    let imageDivisor = generator.int(4...8)
    let channelDivisor = generator.int(8...16)
    let batch = generator.int(1...2)
    guard var problem = try? ProblemDescriptor(layer.descriptor) else {
      return nil
    }
    func scaled(_ axis: ProblemAxis) throws -> ProblemAxis {
      // At least as much as the kernel needs.
      let window = (axis.kernel - 1) * axis.dilation + 1
      return try axis.withInput(
        max(
          min(4, axis.input), window - 2 * axis.padBefore,
          axis.input / imageDivisor))
    }
    let groups = max(1, problem.groups / channelDivisor)
    func scaled(_ channels: Int) -> Int {
      problem.groups > 1
        ? channels / problem.groups * groups
        : max(1, channels / channelDivisor)
    }
    (problem.inputChannels, problem.outputChannels) = (
      scaled(problem.inputChannels), scaled(problem.outputChannels)
    )
    (problem.groups, problem.batch) = (groups, batch)
    do {
      problem.vertical = try scaled(problem.vertical)
      problem.horizontal = try scaled(problem.horizontal)
      return try problem.geometry(format)
    } catch {
      return nil
    }
  }
}
