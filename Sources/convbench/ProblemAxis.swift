/// One image axis of a problem descriptor, with everything filled in.
struct ProblemAxis: Equatable, Sendable {
  let input: Int
  let output: Int
  let kernel: Int
  let stride: Int
  /// Counts from 1, unlike the descriptor's.
  let dilation: Int
  let padBefore: Int
  let padAfter: Int

  /// Completes an axis.
  ///
  /// - Parameters:
  ///   - letter: `h` or `w`, for the message.
  ///   - dilation: as in the descriptor, from 0.
  ///   - padAfter: `nil` for the one that follows from the sizes.
  init(
    letter: String, input: Int, output: Int?, kernel: Int, stride: Int,
    dilation: Int, padBefore: Int?, padAfter: Int? = nil
  ) throws(DescriptorError.Reason) {
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
    switch (output, padBefore) {
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
}
