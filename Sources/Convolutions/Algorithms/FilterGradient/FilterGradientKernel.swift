/// A kernel of the filter gradient.
///
/// It takes the input in place of the filter and out_backprop as its source, and
/// its result has the shape of a filter, `[kh, kw, Cin / groups, Cout]`; there is
/// nothing to prepare.
protocol FilterGradientKernel: TileKernel {}

extension FilterGradientKernel {
  var filterByteCount: Int { 0 }
  var filterPartCount: Int { 0 }

  func prepareFilter(
    part: Int, from filter: UnsafeRawPointer,
    into prepared: UnsafeMutableRawPointer
  ) {}
}
