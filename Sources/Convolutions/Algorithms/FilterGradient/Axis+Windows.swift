// An axis as the filter gradient sees it: windows, and the input positions that
// their taps read.

extension Axis {
  private var windows: MapAxis { MapAxis(inputGradient: self) }

  /// The input position that tap `tap` of window `output` reads.
  func position(output: Int, tap: Int) -> Int {
    windows.position(source: output, tap: tap)
  }

  /// The windows whose tap `tap` reads one of `inputs`.
  func outputs(landingIn inputs: Range<Int>, tap: Int) -> Range<Int> {
    windows.sources(landingIn: inputs, tap: tap)
  }

  /// Every pair of a window and a tap of it that reads the image: how many a tap.
  func forEachTap(_ body: (_ windows: Double, _ weight: Double) -> Void) {
    windows.forEachTap(body)
  }

  /// Pairs of a window and a tap of it that reads the image.
  var hits: Double { windows.hits }
}
