import Foundation

/// How many times as many random problems as usual a test draws: the
/// environment's `CONVOLUTIONS_TEST_SCALE`, 1 if there is none.
let testScale =
  ProcessInfo.processInfo.environment["CONVOLUTIONS_TEST_SCALE"]
  .flatMap(Int.init) ?? 1
