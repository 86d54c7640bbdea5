/// The parts of a task's workspace, in scalars, each for the largest phase.
struct WinogradWorkspace: Sendable {
  /// The source of a unit, `[inputs, columns, depth]`.
  let source = 0
  /// The same transformed along its columns; afterwards products of a unit,
  /// transformed back along the rows.
  let half: Int
  /// Tiles transformed, `[products, tiles, depth]`.
  let tiles: Int
  /// Products, `[products, tiles, channels]`.
  let sums: Int
  /// A unit of the result, `[outputs, columns, channels]`.
  let outputs: Int
  /// A row of it as planes, for columns of NCHW that lie a stride apart.
  let planes: Int
  let scalarCount: Int

  init(
    _ phases: [WinogradPhase], depth: Int, width: Int, scatters: Bool,
    computeByteCount: Int
  ) {
    func most(_ count: (WinogradPhase) -> Int) -> Int {
      phases.map(count).max() ?? 0
    }
    // Parts begin at a cache line.
    func after(_ start: Int, _ count: (WinogradPhase) -> Int) -> Int {
      start + ceilDivide(most(count), 16) * 16
    }
    half = after(source) { $0.vertical.inputs * $0.unitInputs * depth }
    tiles = after(half) {
      $0.vertical.products
        * max($0.unitInputs * depth, $0.unitOutputs * width)
    }
    sums = after(tiles) { $0.products * Self.stride($0, channels: depth) }
    outputs = after(sums) { $0.products * Self.stride($0, channels: width) }
    func outputCount(_ phase: WinogradPhase) -> Int {
      phase.vertical.outputs * phase.unitOutputs * width
    }
    planes = after(outputs, outputCount)
    scalarCount = after(planes) { scatters ? $0.unitOutputs * width : 0 }
  }

  /// From the tiles of one product to those of the next: not a multiple of a
  /// page, which would fall on the same lines of the cache.
  static func stride(_ phase: WinogradPhase, channels: Int) -> Int {
    phase.tilesPerTask * channels + 16
  }
}
