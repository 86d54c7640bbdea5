// A strided convolution as one with stride 1 (space to depth).
//
// Tap `t` of window `q` lies on source position `q * step + t - padBefore`. With
// `t = i * step + c` that is position `q + i` of all those of class `c`, which lie
// `step` apart from `c - padBefore` on. So with the classes of the source as
// channels of their own, `step` times as many for each axis, windows lie beside
// each other, and have `ceil(kernel / step)` taps; where the step does not divide
// the kernel, some of them are zero.

extension MapAxis {
  /// Classes of source positions.
  var classes: Int { step }

  /// The axis of the folded map; itself where the step is 1. Dilation 1.
  var folded: MapAxis {
    guard step > 1 else { return self }
    let taps = ceilDivide(kernel, step)
    return MapAxis(
      target: target, source: ceilDivide(source, step), kernel: taps, stride: 1,
      step: 1, dilation: 1, pad: taps - 1)
  }

  /// The source position of class `c` that has position `folded` in its place.
  func source(folded: Int, class c: Int) -> Int {
    step == 1 ? folded : folded * step + c + pad - (kernel - 1)
  }

  /// The tap of class `c` whose place tap `i` of the folded axis takes, counted
  /// as sources are; if there is one.
  func tap(folded i: Int, class c: Int) -> Int? {
    let tap = kernel - 1 - (i * step + c)
    return tap >= 0 ? tap : nil
  }
}
