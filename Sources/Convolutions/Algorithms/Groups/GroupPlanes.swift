internal import CConvolutionKernels

/// What is the same for all groups of a band of rows of one image: runs of taps,
/// and where they are inside. See ``NarrowGroupPlanes``.
struct GroupTaps {
  private let map: ConvolutionMap
  private let rows: Range<Int>
  private let phases: Int
  private let phaseWidth: Int
  private let runs: UnsafeMutablePointer<Int>

  init(
    _ map: ConvolutionMap, rows: Range<Int>, phases: Int, phaseWidth: Int,
    memory: UnsafeMutableRawPointer
  ) {
    (self.map, self.rows) = (map, rows)
    (self.phases, self.phaseWidth) = (phases, phaseWidth)
    runs = memory.assumingMemoryBound(to: Int.self)
  }

  // `[taps, depth]` runs of taps; behind them the parts of the plane; and bytes
  // that say, for each tap of a row, for which columns it is inside.

  private var rowPhases: Int { min(map.vertical.stride, rows.count) }

  private var partsPerRow: Int { PlanePart.perRow(phases) }

  private var parts: UnsafeMutablePointer<PlanePart> {
    UnsafeMutableRawPointer(
      runs + PlanePart.runScalars * map.taps * map.depthPerGroup
    ).assumingMemoryBound(to: PlanePart.self)
  }

  private var insides: UnsafeMutablePointer<Int8> {
    UnsafeMutableRawPointer(parts + rowPhases * partsPerRow)
      .assumingMemoryBound(to: Int8.self)
  }

  static func byteCount(
    _ map: ConvolutionMap, rowPhases: Int, phases: Int
  ) -> Int {
    PlanePart.runScalars * map.taps * map.depthPerGroup
      * MemoryLayout<Int>.stride
      + rowPhases * PlanePart.perRow(phases) * MemoryLayout<PlanePart>.stride
      + insideByteCount(map)
  }

  static func insideByteCount(_ map: ConvolutionMap) -> Int {
    map.kernelWidth.multipliedClamped(
      by: max(16, ceilDivide(map.targetWidth, map.horizontal.stride)))
  }

  /// Lists the parts, of rows that are read in place or from a copy.
  func list(_ copy: PlaneCopy?) -> UnsafeBufferPointer<PlanePart> {
    let windows = map.vertical.touching(rows)
    let firstColumn = map.horizontal.touching(0..<map.targetWidth).lowerBound
    // The band starts at a whole stride.
    let first = rows.lowerBound / map.vertical.stride
    var count = 0
    for rowPhase in 0..<rowPhases {
      let tapRows = PhaseTaps(map.vertical, phase: rowPhase)
      let longest = tapRows.sourceStep == 1 && tapRows.step == 1 ? 3 : 1
      var tapsBefore = 0
      for phase in 0..<phases {
        let tapColumns = PhaseTaps(map.horizontal, phase: phase)
        let columns = (map.targetWidth - 1 - phase) / map.horizontal.stride + 1
        let inner = listInside(
          tapColumns, columns: columns,
          to: insides + tapsBefore * phaseWidth)
        let firstRun = count
        for k in 0..<map.depthPerGroup {
          for j in 0..<tapColumns.count {
            let column = tapColumns.source(j)
            var i = 0
            while i < tapRows.count {
              let run = runs + PlanePart.runScalars * count
              let row =
                first * tapRows.step + tapRows.source(i) - windows.lowerBound
              run[0] = k * windows.count + row
              run[1] = column
              if let copy {
                run[1] = copy.place(row: 0, column: column - firstColumn)
                run[5] =
                  k * copy.planeStride
                  + copy.place(row: row, column: column - firstColumn)
              }
              run[2] =
                k * map.taps + tapRows.tap(i) * map.kernelWidth
                + tapColumns.tap(j)
              run[3] = min(longest, tapRows.count - i)
              run[4] = (tapsBefore + j) * phaseWidth
              i += run[3]
              count += 1
            }
          }
        }
        let part = PlanePart(
          runs: runs + PlanePart.runScalars * firstRun,
          runCount: count - firstRun, inside: insides, inner: inner,
          rows: (rows.count - 1 - rowPhase) / map.vertical.stride + 1,
          columns: columns)
        if phase < partsPerRow {
          parts[rowPhase * partsPerRow + phase] = part
        } else {
          parts[rowPhase].add(part)
        }
        tapsBefore += tapColumns.count
      }
    }
    return UnsafeBufferPointer(start: parts, count: rowPhases * partsPerRow)
  }

  /// Lists for which columns of a phase each tap is inside, and says for which all
  /// are.
  private func listInside(
    _ taps: PhaseTaps, columns: Int, to inside: UnsafeMutablePointer<Int8>
  ) -> Range<Int> {
    var inner = 0..<columns
    for j in 0..<taps.count {
      let positions = taps.positions(tap: j, sources: map.sourceWidth)
        .clamped(to: 0..<columns)
      let bytes = inside + j * phaseWidth
      bytes.update(repeating: 0, count: phaseWidth)
      (bytes + positions.lowerBound).update(
        repeating: -1, count: positions.count)
      inner = inner.clamped(to: positions)
    }
    return inner
  }
}

/// Rows and columns of one pair of phases of a plane, and the taps that reach
/// them; or of both phases of columns, where there are two.
struct PlanePart {
  let runs: UnsafePointer<Int>
  let runCount: Int
  /// Runs of the second phase.
  private(set) var nextCount = 0
  private(set) var phases = 1
  let inside: UnsafePointer<Int8>
  /// Columns of each phase for which all taps are inside.
  private(set) var inner: Range<Int>
  let rows: Int
  private(set) var columns: Int

  /// Adds the second phase, whose runs follow.
  mutating func add(_ next: PlanePart) {
    nextCount = next.runCount
    phases = 2
    inner = inner.clamped(to: next.inner)
    columns += next.columns
  }

  /// Parts of a row that has so many phases: two phases are one.
  static func perRow(_ phases: Int) -> Int { phases == 2 ? 1 : phases }

  /// Numbers of a run of taps: see `conv_gather_plane` in the C kernels.
  static var runScalars: Int { Int(CONV_PLANE_RUN) }
}

/// How the planes of a group are read.
struct GroupPlanes<Compute: ComputeScalar> {
  let parts: UnsafeBufferPointer<PlanePart>
  /// Where the rows lie, and from one row of the result to the next in it.
  let table: UnsafePointer<UnsafeRawPointer?>
  let step: Int
  /// From one row of a copy to the next.
  let copiedRow: Int
  /// From a column of the result to the next, in scalars of a row.
  let loadStep: Int
  /// From the weight of one tap of a run to that of the next.
  let weightStride: Int
  /// Parts of a row, which lie so far apart in the sums.
  let partsPerRow: Int
  let phaseWidth: Int
  /// Where the sums are not taken in the result: of one phase of rows, and from
  /// one to the next.
  let sums: UnsafeMutablePointer<Compute>?
  let sumsStride: Int
  let stride: Int
  let width: Int

  /// Computes the band of one channel, rounded to the target's type, from the
  /// planes of a copy, or from rows of the table; sums that are taken in place are
  /// of the type of the rows.
  func gather(
    _ copy: UnsafePointer<Compute>?, weights: UnsafePointer<Compute>,
    areFinite: Bool, to target: MutableStoredPointer
  ) {
    for first in Swift.stride(from: 0, to: parts.count, by: partsPerRow) {
      let target = target + first / partsPerRow * width
      let rows = parts[first].rows
      // With one row there is no next, and a wild stride may not fit an `Int`.
      let targetStride = rows > 1 ? stride * width : 0
      guard let sums else {
        gather(
          parts[first], columns: width, copy, weights, isExact: !areFinite,
          to: target, stride: targetStride)
        continue
      }
      for index in 0..<partsPerRow {
        let part = parts[first + index]
        gather(
          part, columns: max(16 * part.phases, part.columns), copy, weights,
          isExact: !areFinite,
          to: MutableStoredPointer(
            sums + index * phaseWidth, Compute.scalarType),
          stride: sumsStride)
      }
      for row in 0..<rows {
        (target + row * targetStride).interleave(
          sums + row * sumsStride, phases: partsPerRow,
          phaseStride: phaseWidth, count: width)
      }
    }
  }

  private func gather(
    _ part: PlanePart, columns: Int, _ copy: UnsafePointer<Compute>?,
    _ weights: UnsafePointer<Compute>, isExact: Bool,
    to target: MutableStoredPointer, stride: Int
  ) {
    target.type.kernels.pointee.gather_plane(
      target.address, stride, copy == nil ? table : nil, step, copy, copiedRow,
      weights, weightStride, part.runs, part.runCount, part.nextCount,
      part.rows, columns, CInt(part.phases), CInt(loadStep), part.inside,
      part.inner.lowerBound, part.inner.upperBound, isExact ? 1 : 0)
  }
}
