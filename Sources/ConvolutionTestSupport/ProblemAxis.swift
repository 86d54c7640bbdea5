/// One image axis of a problem descriptor, with everything filled in.
package struct ProblemAxis: Equatable, Sendable {
  package let input: Int
  package let output: Int
  package let kernel: Int
  package let stride: Int
  /// Counts from 1, unlike the descriptor's.
  package let dilation: Int
  package let padBefore: Int
  package let padAfter: Int

  /// One pixel under one tap: the height where there is none.
  static let one = try! ProblemAxis("h", of: ["ih": 1, "kh": 1])

  /// Completes an axis.
  ///
  /// - Parameters:
  ///   - letter: `h` or `w`.
  ///   - values: a descriptor's numbers by their letters.
  ///   - padAfter: `nil` for the one that follows from the sizes.
  init(
    _ letter: String, of values: [String: Int], padAfter: Int? = nil
  ) throws(DescriptorError.Reason) {
    let input = try DescriptorError.required("i" + letter, of: values)
    let kernel = try DescriptorError.required("k" + letter, of: values)
    let stride = values["s" + letter] ?? 1
    let dilation = values["d" + letter] ?? 0
    guard kernel >= 1, stride >= 1 else {
      throw .other("k\(letter) and s\(letter) must be at least 1")
    }
    // Every number is below 2^63, so nothing overflows in 128 bits.
    let wideStride = Int128(stride)
    let window = (Int128(kernel) - 1) * (Int128(dilation) + 1) + 1
    func covered(_ output: Int128) -> Int128 {
      (output - 1) * wideStride + window
    }
    let before: Int128
    let windows: Int128
    switch (values["o" + letter], values["p" + letter]) {
    case (let output?, let pad?):
      windows = Int128(output)
      before = Int128(pad)
    case (let output?, nil):
      windows = Int128(output)
      before = max(0, covered(windows) - Int128(input)) / 2
    case (nil, let pad):
      before = Int128(pad ?? 0)
      let slack = Int128(input) + 2 * before - window
      guard slack >= 0 else {
        throw .other("the kernel is larger than the padded input (\(letter))")
      }
      windows = slack / wideStride + 1
    }
    let after =
      padAfter.map { Int128($0) }
      ?? max(0, covered(windows) - Int128(input) - before)
    guard let output = Int(exactly: windows),
      let padBefore = Int(exactly: before), let padAfter = Int(exactly: after),
      dilation < Int.max
    else { throw .other("its sizes do not fit 64 bits (\(letter))") }
    self.input = input
    self.output = output
    self.kernel = kernel
    self.stride = stride
    self.dilation = dilation + 1
    self.padBefore = padBefore
    self.padAfter = padAfter
  }
  /// The axis of another image.
  func withInput(_ input: Int) throws(DescriptorError.Reason) -> Self {
    try Self(
      "h",
      of: [
        "ih": input, "kh": kernel, "sh": stride, "dh": dilation - 1,
        "ph": padBefore,
      ])
  }

  /// Its numbers behind their letters; empty for what the defaults say.
  func shortTexts(_ letter: String) -> [String] {
    [
      "i\(letter)\(input)", "o\(letter)\(output)", "k\(letter)\(kernel)",
      stride == 1 ? "" : "s\(letter)\(stride)",
      dilation == 1 ? "" : "d\(letter)\(dilation - 1)",
      "p\(letter)\(padBefore)",
    ]
  }
}
