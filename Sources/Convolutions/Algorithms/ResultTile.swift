/// Where sums of `[rows, columns, channels]` go: rounded once, and transposed
/// for NCHW.
struct ResultTile<Scalar: StorageScalar> {
  typealias Compute = Scalar.Compute

  private let geometry: Conv2DGeometry
  private let result: UnsafeMutablePointer<Scalar>

  init(_ geometry: Conv2DGeometry, _ result: UnsafeMutablePointer<Scalar>) {
    self.geometry = geometry
    self.result = result
  }

  /// Writes a block of channels, counted over all groups, of some pixels of one
  /// image.
  func store(
    _ sums: UnsafePointer<Compute>, image: Int, channels: Range<Int>,
    rows: Range<Int>, columns: Range<Int>
  ) {
    let width = channels.count
    let whole = columns.count == geometry.inputWidth
    let runs = whole ? 1 : rows.count
    let pixels = rows.count * columns.count / runs
    for run in 0..<runs {
      let pixel =
        (rows.lowerBound + run) * geometry.inputWidth + columns.lowerBound
      store(
        sums + run * pixels * width, image: image, channels: channels,
        first: pixel, count: pixels)
    }
  }

  private func store(
    _ sums: UnsafePointer<Compute>, image: Int, channels: Range<Int>,
    first: Int, count: Int
  ) {
    let allChannels = geometry.inputChannels
    let width = channels.count
    let plane = geometry.inputHeight * geometry.inputWidth
    if geometry.dataFormat == .nchw {
      Scalar.narrowTransposed(
        sums, rows: count, columns: width, stride: width,
        to: result + (image * allChannels + channels.lowerBound) * plane
          + first,
        stride: plane)
      return
    }
    let destination =
      result + (image * plane + first) * allChannels + channels.lowerBound
    if width == allChannels {
      Scalar.narrow(sums, to: destination, count: count * width)
    } else {
      for pixel in 0..<count {
        Scalar.narrow(
          sums + pixel * width, to: destination + pixel * allChannels,
          count: width)
      }
    }
  }
}
