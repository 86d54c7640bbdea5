import Convolutions

/// What a fuzzer's bytes came to.
package enum FuzzOutcome: Hashable, Sendable {
  /// An error, by its kind.
  case refused(String)
  /// A legal problem, with the algorithm of its plan if there was one.
  case legal(ConvolutionAlgorithm?)
  /// A plan that was executed, with the right result.
  case executed(ConvolutionAlgorithm)
}

/// Makes a problem of any bytes and sees whether what the library says of it
/// is right: an error where a rule is broken and nowhere else, numbers in
/// errors that are true, plans within their limits, results.
///
/// - Parameter plans: whether a legal problem is planned, and one in four
///   executed if it is tiny; without, it takes some microseconds.
package func checkProblem(
  _ bytes: [UInt8], plans: Bool
) throws(FuzzFailure) -> FuzzOutcome {
  let problem = FuzzedProblem(bytes)
  let geometry: Conv2DGeometry
  do {
    geometry = try problem.description.geometry()
  } catch {
    try check(error, of: problem.description)
    return .refused(error.kind)
  }
  try check(geometry, of: problem.description)
  guard plans else { return .legal(nil) }
  func plan<Scalar: TestScalar>(
    _ type: Scalar.Type
  ) throws(FuzzFailure) -> FuzzOutcome {
    try checkPlans(type, problem, geometry)
  }
  return try plan(problem.type.testType)
}

// MARK: - Geometry

private func check(
  _ error: Conv2DError, of description: ProblemDescription
) throws(FuzzFailure) {
  try require(!description.isLegal, "refused though legal: \(error)")
  try require(!"\(error)".isEmpty, "no words")
  // The numbers of an error are those that would do.
  guard
    case .outBackpropSize(let dimension, let got, let computed, let legal) =
      error
  else { return }
  func next(_ change: (inout ProblemDescription) -> Void) -> Conv2DError? {
    var other = description
    change(&other)
    do throws(Conv2DError) {
      _ = try other.geometry()
      return nil
    } catch {
      return error
    }
  }
  func isOfDimension(_ error: Conv2DError?) -> Bool {
    switch error {
    case .outBackpropSize(dimension, _, _, _), .windowTooLarge(dimension, _, _):
      true
    default: false
    }
  }
  try require(
    description.outBackpropSizes[dimension] == got, "not the size: \(error)")
  try require(
    !isOfDimension(next { $0.outBackpropSizes[dimension] = computed }),
    "the computed size is not right either: \(error)")
  guard let legal else { return }
  let isShort = description.inputSizes.count == 2
  let index =
    isShort ? dimension - description.dataFormat.heightIndex : dimension
  for size in [legal.lowerBound, legal.upperBound] {
    try require(
      !isOfDimension(next { $0.inputSizes[index] = size }),
      "input size \(size) does not do: \(error)")
  }
}

private func check(
  _ geometry: Conv2DGeometry, of description: ProblemDescription
) throws(FuzzFailure) {
  try require(description.isLegal, "legal though a rule is broken")
  let sizes = geometry.inputSizes
  let isSame =
    description.inputSizes.count == 4
    ? sizes == description.inputSizes
    : [geometry.inputHeight, geometry.inputWidth] == description.inputSizes
  try require(
    isSame && geometry.filterSizes == description.filterSizes
      && geometry.outBackpropSizes == description.outBackpropSizes,
    "the sizes are not those given: \(geometry)")
  try require(geometry.groups >= 1, "no group")
  try require(
    min(
      geometry.padTop, geometry.padBottom, geometry.padLeft, geometry.padRight)
      >= 0, "negative padding")
  try require(
    geometry.flops >= 0 && geometry.flops.isFinite, "flops \(geometry.flops)")
  try require(!geometry.descriptor.isEmpty, "no words")
}

// MARK: - Plan

private func checkPlans<Scalar: TestScalar>(
  _ type: Scalar.Type, _ problem: FuzzedProblem, _ geometry: Conv2DGeometry
) throws(FuzzFailure) -> FuzzOutcome {
  for operation in ConvolutionOperation.allCases.dropFirst() {
    _ = try checkPlan(type, operation, problem, geometry)
  }
  return try checkPlan(
    type, .inputGradient, problem, geometry)
}

private func checkPlan<Scalar: TestScalar>(
  _ type: Scalar.Type, _ operation: ConvolutionOperation,
  _ problem: FuzzedProblem, _ geometry: Conv2DGeometry
) throws(FuzzFailure) -> FuzzOutcome {
  var options = problem.options
  func plan() throws(Conv2DError) -> OperationPlan {
    try operation.plan(type, geometry, options: options)
  }
  func least() -> Int? {
    var options = options
    (options.threads, options.workspaceLimit) = (1, nil)
    return try? operation.plan(type, geometry, options: options)
      .workspaceByteCount
  }
  switch problem.limit {
  case .none: break
  case .least(let plus): options.workspaceLimit = least().map { $0 &+ plus }
  case .bytes(let count): options.workspaceLimit = count
  }
  if problem.measures, geometry.isTiny {
    // Another choice, and another need, each time.
    (options.tuning, options.workspaceLimit) = (.measure, nil)
  }

  let made: OperationPlan
  do {
    made = try plan()
  } catch {
    switch error {
    case .threads(let got):
      try require(got == options.threads && got < 1, "\(error)")
    case .workspaceLimit(let limit, let needed):
      try require(
        limit == options.workspaceLimit && limit < needed
          && needed == least(), "\(error), not \(least() ?? -1)")
    case .unsupported(let algorithm, let reason):
      try require(
        algorithm == options.algorithm && algorithm != .automatic
          && !reason.isEmpty, "\(error)")
    case .inaccurate(let algorithm, let error, let allowed):
      try require(
        algorithm == .winograd && options.algorithm == algorithm
          && error > allowed && allowed > 0, "\(error) of \(allowed)")
    default: throw FuzzFailure("a plan cannot fail so: \(error)")
    }
    return .refused(error.kind)
  }
  let summary = "\(made) of \(geometry.descriptor)"
  try require(options.threads >= 1, "no threads: \(summary)")
  try require(
    made.algorithm != .automatic
      && [made.algorithm, .automatic].contains(options.algorithm), summary)
  try require((1...options.threads).contains(made.threads), summary)
  try require(
    made.workspaceByteCount >= 0 && made.preparedFilterByteCount >= 0, summary)
  if let limit = options.workspaceLimit {
    try require(made.workspaceByteCount <= limit, "limit \(limit): \(summary)")
  }
  try require(made.predictedTime >= .zero, "time: \(summary)")

  guard problem.executes, geometry.isTiny else {
    return .legal(made.algorithm)
  }
  var test = VerificationCase(
    operation: operation, geometry: geometry, type: problem.type,
    algorithm: options.algorithm, threads: options.threads,
    workspaceLimit: options.workspaceLimit,
    seed: problem.seed)
  // The other kind of products has other needs.
  if test.options.products != options.products { test.workspaceLimit = nil }
  let exact = ExactProblem<Scalar>(operation, geometry, seed: problem.seed)
  switch exact.run(test) {
  case .passed, .within: return .executed(made.algorithm)
  case .skipped: return .legal(made.algorithm)
  case .failed(let difference):
    throw FuzzFailure("\(difference)\n\(test.reproduction)")
  }
}

extension Conv2DGeometry {
  /// Whether the problem takes no time to speak of, however it is computed.
  fileprivate var isTiny: Bool {
    func product(_ sizes: [Int]) -> Double {
      sizes.reduce(1) { $0 * Double(max(1, $1)) }
    }
    return product(inputSizes) <= 2048 && product(filterSizes) <= 2048
      && product(outBackpropSizes) <= 2048
      && product(outBackpropSizes + filterSizes[..<3]) <= 30_000
  }
}
