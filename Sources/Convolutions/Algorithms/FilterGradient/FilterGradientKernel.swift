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

/// One whose tasks are blocks of the filter and parts of the pixels.
protocol TiledFilterGradient: FilterGradientKernel {
  associatedtype Scalar: StorageScalar

  var tasks: FilterGradientTasks { get }
}

extension TiledFilterGradient {
  var taskCount: Int { tasks.count }

  var secondStage: (any TileKernel)? {
    tasks.parts > 1 ? SumOfParts<Scalar>(tasks) : nil
  }

  var partialByteCount: Int {
    tasks.parts > 1 ? SumOfParts<Scalar>(tasks).partialByteCount : 0
  }
}
