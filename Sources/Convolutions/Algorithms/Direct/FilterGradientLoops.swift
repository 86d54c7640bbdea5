internal import CConvolutionKernels

/// Plain loops over a box of pixels: what each tap reads of it, and what it
/// meets, is brought to `[pixels, channels]`, a run of one row at a time. Outer
/// products are summed over the pixels, vectorised over the output channels;
/// depthwise, products, vectorised over the channels.
struct FilterGradientLoops<Compute: ComputeScalar> {
  let map: ConvolutionMap
  let block: FilterBlock
  /// Whether every channel is a group, and a block holds many.
  let depthwise: Bool
  let input: TileLoader
  let gradients: TileLoader
  let scratch: UnsafeMutablePointer<Compute>

  /// Pixels of a row that are brought together.
  private static func pixels(_ map: ConvolutionMap) -> Int {
    min(64, map.sourceWidth)
  }

  /// Scratch memory for blocks of so many channels, in scalars.
  static func scratchCount(
    _ map: ConvolutionMap, inputs: Int, outputs: Int
  ) -> Int {
    let pixels = pixels(map)
    return padded(pixels * inputs) + padded(pixels * outputs)
  }

  /// Adds what a box gives, to sums of all taps of the block.
  func add(_ box: PixelBox, to sums: UnsafeMutablePointer<Compute>) {
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let channels =
      depthwise ? block.outputs : block.inputChannels(map)
    let pixels = Self.pixels(map)
    let copy = scratch
    let gradientCopy = scratch + padded(pixels * channels.count)
    for r in block.tapRows {
      let rows = vertical.sources(landingIn: 0..<vertical.target, tap: r)
        .clamped(to: box.rows)
      for c in block.tapColumns {
        let columns = horizontal.sources(
          landingIn: 0..<horizontal.target, tap: c
        ).clamped(to: box.columns)
        let place = sums + block.offset(row: r, column: c)
        for image in box.images {
          for oh in rows {
            var ow = columns.lowerBound
            while ow < columns.upperBound {
              let count = min(pixels, columns.upperBound - ow)
              input.load(
                image: image, row: vertical.position(source: oh, tap: r),
                column: horizontal.position(source: ow, tap: c),
                step: horizontal.stride, count: count, channels: channels,
                to: copy, stride: channels.count)
              gradients.load(
                image: image, row: oh, column: ow, count: count,
                channels: block.outputs, to: gradientCopy,
                stride: block.outputs.count)
              add(copy, gradientCopy, count: count, to: place)
              ow += count
            }
          }
        }
      }
    }
  }

  /// Adds what a run of pixels gives.
  private func add(
    _ pixels: UnsafePointer<Compute>, _ gradients: UnsafePointer<Compute>,
    count: Int, to sums: UnsafeMutablePointer<Compute>
  ) {
    let width = block.outputs.count
    if depthwise {
      for pixel in 0..<count {
        Compute.addProducts(
          pixels + pixel * width, gradients + pixel * width, to: sums,
          count: width)
      }
    } else {
      let rows = block.inputs.count
      Compute.kernels.pointee.add_outer_products(
        sums, width, pixels, rows, gradients, width, rows, width, count)
    }
  }
}
