internal import FoundationEssentials

/// A way to compute the input gradient.
public enum InputGradientAlgorithm: String, Sendable, Hashable, CaseIterable {
  /// The plan chooses.
  case automatic = "auto"
  /// A matrix product straight into the result; 1x1 kernels with stride 1.
  case pointwise
  /// Blocked matrix products and col2im; every geometry.
  case column
  /// Gathering loops for depthwise layers and narrow groups: NHWC with 1, 2, 4
  /// or 8 channels a group, as many in as out; NCHW with 1 or 2 out.
  case narrowGroups = "groups"
  /// Plain vector loops without BLAS; every geometry.
  case direct
  /// The definition in double precision; slow, for checking.
  case reference
}

/// How large a rounding error a plan may take for speed.
public enum Accuracy: String, Sendable, Hashable, CaseIterable {
  /// A relative Frobenius error below 1e-6 in float32.
  case standard
  /// No larger an error than a plain sum in the compute type.
  ///
  /// Every algorithm of this version is a plain sum, so the two choose alike.
  case tight
}

/// What a caller asks of a plan.
public struct InputGradientOptions: Sendable, Hashable {
  /// The algorithm to take; the default lets the plan choose.
  public var algorithm: InputGradientAlgorithm
  /// The error allowed.
  public var accuracy: Accuracy
  /// Threads to use, at least 1 (the plan checks); more than there is work for,
  /// or than 1024, are not started. The bits of the result do not depend on it.
  public var threads: Int
  /// Most bytes of workspace, or `nil` for no limit. A plan obeys by using
  /// fewer threads; below the need of one thread it throws. The bits of the
  /// result do not depend on it.
  public var workspaceLimit: Int?

  /// Options; each has a default. The plan checks them.
  public init(
    algorithm: InputGradientAlgorithm = .automatic,
    accuracy: Accuracy = .standard,
    threads: Int = Self.availableProcessors,
    workspaceLimit: Int? = nil
  ) {
    self.algorithm = algorithm
    self.accuracy = accuracy
    self.threads = threads
    self.workspaceLimit = workspaceLimit
  }

  /// Processors that this process may run on.
  public static let availableProcessors =
    ProcessInfo.processInfo.activeProcessorCount
}
