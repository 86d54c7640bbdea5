/// A block of channels of some rows of a band.
struct TapStrip<Compute: ComputeScalar> {
  let kernel: Taps<Compute>
  let image: Int
  let channels: Range<Int>
  let group: Int
  let rows: Range<Int>
  let columns: Range<Int>
  let panels: UnsafePointer<Compute>
  let source: TapSource<Compute>

  private var map: ConvolutionMap { kernel.map }

  func run(
    into result: MutableStoredPointer,
    sums: UnsafeMutablePointer<Compute>
  ) {
    let allChannels = map.targetChannels
    if kernel.sumsInResult {
      let pixel =
        (image * map.targetHeight + rows.lowerBound) * map.targetWidth
        + columns.lowerBound
      let destination =
        result + pixel * allChannels + group * map.channelsPerGroup
        + channels.lowerBound
      accumulate(
        into: destination.asCompute()!, stride: allChannels,
        rowStride: map.targetWidth * allChannels)
    } else {
      accumulate(
        into: sums, stride: channels.count,
        rowStride: columns.count * channels.count)
      store(sums, into: result)
    }
  }

  // MARK: GEMM

  private func accumulate(
    into sums: UnsafeMutablePointer<Compute>, stride: Int, rowStride: Int
  ) {
    if !kernel.reachesAll, !kernel.clearsAllChannels {
      clear(sums, stride: stride, rowStride: rowStride)
    }
    let (vertical, horizontal) = (map.vertical, map.horizontal)
    let resultStep = horizontal.stride * stride
    let panelSize = map.depthPerGroup * channels.count
    for r in 0..<vertical.kernel {
      let rowRun = vertical.run(landingIn: rows, tap: r)
      guard !rowRun.isEmpty else { continue }
      for c in 0..<horizontal.kernel {
        let run = horizontal.run(landingIn: columns, tap: c)
        guard !run.isEmpty else { continue }
        let panel = panels + (r * horizontal.kernel + c) * panelSize
        let destination =
          sums + (rowRun.target - rows.lowerBound) * rowStride
          + (run.target - columns.lowerBound) * stride
        // Whole rows without a gap are one run of pixels.
        let isWhole =
          kernel.mayMerge && run.count == horizontal.source
          && rowStride == run.count * resultStep
        if isWhole {
          multiply(
            source.pixel(row: rowRun.source, column: 0, tap: r),
            panel, pixels: rowRun.count * run.count,
            into: destination, stride: resultStep)
          continue
        }
        for index in 0..<rowRun.count {
          multiply(
            source.pixel(
              row: rowRun.source + index * vertical.step, column: run.source,
              tap: r),
            panel, pixels: run.count,
            into: destination + index * vertical.stride * rowStride,
            stride: resultStep)
        }
      }
    }
  }

  /// Adds the product of a run of pixels with one panel.
  private func multiply(
    _ pixels: UnsafePointer<Compute>, _ panel: UnsafePointer<Compute>,
    pixels count: Int, into sums: UnsafeMutablePointer<Compute>, stride: Int
  ) {
    let depth = map.depthPerGroup
    let width = channels.count
    let sourceStep = map.horizontal.step * source.stride
    let parts = ceilDivide(count, kernel.tiling.pixels)
    var start = 0
    while start < depth {
      let part = min(kernel.tiling.depthBlock, depth - start)
      for index in 0..<parts {
        let first = count * index / parts
        let last = count * (index + 1) / parts
        Compute.multiply(
          rows: last - first, columns: width, depth: part,
          pixels + first * sourceStep + start, stride: sourceStep,
          panel + start * width, stride: width,
          accumulate: !kernel.reachesOnce || start > 0,
          into: sums + first * stride, stride: stride)
      }
      start += part
    }
  }

  private func clear(
    _ sums: UnsafeMutablePointer<Compute>, stride: Int, rowStride: Int
  ) {
    let width = channels.count
    for row in 0..<rows.count {
      let start = sums + row * rowStride
      if stride == width {
        start.update(repeating: .zero, count: columns.count * width)
      } else {
        for column in 0..<columns.count {
          (start + column * stride).update(repeating: .zero, count: width)
        }
      }
    }
  }

  // MARK: Result

  private func store(
    _ sums: UnsafePointer<Compute>, into result: MutableStoredPointer
  ) {
    ResultSink(map, result).store(
      sums, image: image,
      channels: map.targetChannels(channels, of: group),
      rows: rows, columns: columns)
  }
}
