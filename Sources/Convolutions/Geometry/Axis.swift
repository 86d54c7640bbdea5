/// One image axis of a validated problem.
///
/// Tap `t` of window `o` lies on input position
/// `o * stride - padBefore + t * dilation`. ``Conv2DGeometry`` has checked that
/// no position overflows.
struct Axis: Sendable, Hashable {
  let input: Int
  let output: Int
  let kernel: Int
  let stride: Int
  let dilation: Int
  let padBefore: Int
  let padAfter: Int
}

/// `numerator / denominator` rounded up; `denominator` is positive.
func ceilDivide(_ numerator: Int, _ denominator: Int) -> Int {
  let quotient = numerator / denominator
  return numerator % denominator > 0 ? quotient + 1 : quotient
}

/// `numerator / denominator` rounded down; `denominator` is positive.
func floorDivide(_ numerator: Int, _ denominator: Int) -> Int {
  let quotient = numerator / denominator
  return numerator % denominator < 0 ? quotient - 1 : quotient
}

/// The largest number from 1 on, up to `most`, that fits, where every smaller one
/// does too; 1 if none.
///
/// - Complexity: O(log `most`) looks.
func largest(upTo most: Int, fits: (Int) -> Bool) -> Int {
  var (good, most) = (1, max(1, most))
  while good < most {
    let middle = most - (most - good) / 2
    if fits(middle) { good = middle } else { most = middle - 1 }
  }
  return good
}
