/// The algorithms, in the order of preference; the direct kernel is last and
/// always can.
enum Candidates {
  /// Below this many operations a call of BLAS costs more than the work
  /// (`convbench bench --set tiny --algorithm column,direct`).
  static let tinyFlops = 1000.0

  /// Channels of a group below which GEMMs of one group are too narrow
  /// (`convbench bench --set headline --algorithm column,direct`).
  static let narrowGroup = 4

  /// The kernel to run and the reason for it.
  static func choose<Scalar: StorageScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry,
    _ options: InputGradientOptions, columnTargets: ColumnTargets?
  ) throws(Conv2DError) -> (InputGradientAlgorithm, any TileKernel, String) {
    if options.algorithm != .automatic {
      let kernel = try make(
        options.algorithm, type, geometry, columnTargets: columnTargets)
      return (options.algorithm, kernel, "asked for")
    }
    let (algorithm, reason) = preferred(geometry)
    return (algorithm, try make(algorithm, type, geometry), reason)
  }

  private static func preferred(
    _ geometry: Conv2DGeometry
  ) -> (InputGradientAlgorithm, String) {
    if geometry.isDegenerate { return (.direct, "there is nothing to add up") }
    if geometry.flops < tinyFlops { return (.direct, "the problem is tiny") }
    if objection(to: geometry, .narrowGroups) == nil {
      return (.narrowGroups, "the groups are too narrow for matrix products")
    }
    if geometry.groups > 1, geometry.channelsPerGroup < narrowGroup {
      return (.direct, "the groups are too narrow for matrix products")
    }
    if objection(to: geometry, .pointwise) == nil {
      return (.pointwise, "the kernel is 1x1 with stride 1 and no padding")
    }
    if let reason = objection(to: geometry, .column) {
      return (.direct, reason)
    }
    return (.column, "the general engine")
  }

  /// Why an algorithm cannot serve a geometry, if so; the type has no say.
  private static func objection(
    to geometry: Conv2DGeometry, _ algorithm: InputGradientAlgorithm
  ) -> String? {
    switch algorithm {
    case .pointwise: Pointwise<Float>.objection(to: geometry)
    case .column: Column<Float>.objection(to: geometry)
    case .narrowGroups:
      geometry.dataFormat == .nhwc
        ? NarrowGroups<Float>.objection(to: geometry)
        : NarrowGroupPlanes<Float>.objection(to: geometry)
    case .automatic, .direct, .reference: nil
    }
  }

  /// The kernel of one algorithm, or the reason why it cannot serve.
  static func make<Scalar: StorageScalar>(
    _ algorithm: InputGradientAlgorithm, _ type: Scalar.Type,
    _ geometry: Conv2DGeometry, columnTargets: ColumnTargets? = nil
  ) throws(Conv2DError) -> any TileKernel {
    let core = BLASRuntime.core
    let computeByteCount = Scalar.scalarType.computeByteCount
    if let reason = objection(to: geometry, algorithm) {
      throw .unsupported(algorithm, reason: reason)
    }
    if geometry.isDegenerate { return Zeros<Scalar>(geometry) }
    switch algorithm {
    case .pointwise:
      return Pointwise<Scalar>(
        geometry,
        tiling: PointwiseTiling(
          geometry, core: core, computeByteCount: computeByteCount),
        core: core)
    case .column:
      return Column<Scalar>(
        geometry,
        tiling: ColumnTiling(
          geometry, core: core, computeByteCount: computeByteCount,
          targets: columnTargets
            ?? ColumnTargets(
              dataFormat: geometry.dataFormat,
              computeByteCount: computeByteCount)),
        core: core)
    case .narrowGroups:
      return geometry.dataFormat == .nhwc
        ? NarrowGroups<Scalar>(geometry)
        : NarrowGroupPlanes<Scalar>(geometry)
    case .direct, .automatic:
      return Direct<Scalar>(geometry)
    case .reference:
      return Reference<Scalar>(geometry)
    }
  }
}
