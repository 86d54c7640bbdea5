internal import FoundationEssentials

/// A way to compute an operation.
public enum ConvolutionAlgorithm: String, Sendable, Hashable, CaseIterable {
  /// The plan chooses.
  case automatic = "auto"
  /// A matrix product a tap, added straight to the result; every geometry whose
  /// row of the result, `stride * Cin` from pixel to pixel, fits 32 bits.
  case taps
  /// Products on packed panels over taps and channels at once, without a column
  /// buffer; strides of input gradients up to 64. Not for the filter gradient.
  case implicit
  /// Blocked matrix products and col2im; input gradients, and convolutions with
  /// stride 1.
  case column
  /// Gathering loops for depthwise layers and narrow groups: NHWC with 1, 2, 4
  /// or 8 channels a group, as many in as out, and at least 16 in all; and any
  /// group, which may be the only one, whose sums go over at most 8 channels
  /// (output channels of input gradients, input channels of convolutions) and
  /// whose windows of a few rows fit into the cache.
  case narrowGroups = "groups"
  /// Winograd's minimal filtering; strides up to 4 and the kernel's sizes, 1 to 8
  /// taps a phase and axis; of filter gradients stride and dilation 1.
  case winograd
  /// Plain vector loops without BLAS; every geometry.
  case direct
  /// The definition in double precision; slow, for checking.
  case reference
}

/// How large a rounding error a plan may take for speed.
///
/// What is promised is the relative Frobenius error on independent random data
/// in float32, and as many units of the last place in float64. *A running sum* is
/// one chain of fused multiply-adds over the same terms. Algorithms that are plain
/// sums are never refused; Winograd is where it may break the promise: a plan that
/// chooses takes another algorithm, and one that is asked for it throws
/// ``Conv2DError/inaccurate(_:error:allowed:)``. Half types round each result to
/// far fewer bits than either allows, and are held to `standard`.
public enum Accuracy: String, Sendable, Hashable, CaseIterable {
  /// At most the larger of 1e-6 and the error of a running sum.
  case standard
  /// At most 1.05 times the error of a running sum.
  case tight
}

/// How a plan chooses between algorithms.
public enum Tuning: String, Sendable, Hashable, CaseIterable {
  /// By a model of their cost; the same choice every time.
  case estimate
  /// By running each of them a few times while the plan is made, which takes
  /// some ten executions and the memory of the problem's tensors. The choice,
  /// and with it the rounding of results, may differ from one plan to the next.
  case measure
}

/// What a caller asks of a plan.
public struct ConvolutionOptions: Sendable, Hashable {
  /// The algorithm to take; the default lets the plan choose.
  public var algorithm: ConvolutionAlgorithm
  /// The error allowed.
  public var accuracy: Accuracy
  /// Threads to use, at least 1 (the plan checks); more than there is work for,
  /// or than 1024, are not started. The bits of the result do not depend on it.
  public var threads: Int
  /// Most bytes of workspace, or `nil` for no limit. A plan obeys by using
  /// fewer threads; below the need of one thread it throws. The bits of the
  /// result do not depend on it.
  public var workspaceLimit: Int?
  /// How `.automatic` chooses.
  public var tuning: Tuning
  /// Who computes the matrix products of ``ConvolutionAlgorithm/column``, which
  /// has both; the others have one, and the plan throws if another is asked for.
  public var products: ProductProvider
  /// Whether sums of small integers must be exact, which they are but for some
  /// of Winograd's points: for tests.
  package var isExactOnIntegers = false
  /// The sets of points that Winograd takes, whatever their error: for tests.
  package var winogradSets: WinogradSetPair?

  var winograd: AccuracyTarget {
    if let winogradSets { return .sets(winogradSets) }
    return isExactOnIntegers ? .integers : .accuracy(accuracy)
  }

  /// Options; each has a default. The plan checks them.
  public init(
    algorithm: ConvolutionAlgorithm = .automatic,
    accuracy: Accuracy = .standard,
    threads: Int = Self.availableProcessors,
    workspaceLimit: Int? = nil,
    tuning: Tuning = .estimate,
    products: ProductProvider = .automatic
  ) {
    self.products = products
    self.algorithm = algorithm
    self.accuracy = accuracy
    self.threads = threads
    self.workspaceLimit = workspaceLimit
    self.tuning = tuning
  }

  /// Processors that this process may run on.
  public static let availableProcessors =
    ProcessInfo.processInfo.activeProcessorCount
}
