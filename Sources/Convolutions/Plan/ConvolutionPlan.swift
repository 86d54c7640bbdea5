/// An operation that plans are made for: ``InputGradient``, ``Forward`` or
/// ``FilterGradient``. No other type can conform.
public protocol PlannedOperation: Sendable {
  /// Which of them this is.
  static var operation: ConvolutionOperation { get }
  /// Keeps other modules' types out.
  static var _sealedOperation: _Sealed<Self, any PlannedOperation> { get }
}

/// The gradient of a convolution with respect to its input.
public enum InputGradient: PlannedOperation {
  public static var operation: ConvolutionOperation { .inputGradient }
  public static var _sealedOperation: _Sealed<Self, any PlannedOperation> {
    .init()
  }
}

/// The convolution.
public enum Forward: PlannedOperation {
  public static var operation: ConvolutionOperation { .forward }
  public static var _sealedOperation: _Sealed<Self, any PlannedOperation> {
    .init()
  }
}

/// The gradient of a convolution with respect to its filter.
public enum FilterGradient: PlannedOperation {
  public static var operation: ConvolutionOperation { .filterGradient }
  public static var _sealedOperation: _Sealed<Self, any PlannedOperation> {
    .init()
  }
}

/// A plan of the gradient with respect to the input.
public typealias InputGradientPlan<Scalar: ConvolutionScalar> =
  ConvolutionPlan<InputGradient, Scalar>

/// A plan of the convolution.
public typealias ForwardPlan<Scalar: ConvolutionScalar> =
  ConvolutionPlan<Forward, Scalar>

/// A plan of the gradient with respect to the filter.
public typealias FilterGradientPlan<Scalar: ConvolutionScalar> =
  ConvolutionPlan<FilterGradient, Scalar>

/// Everything about one operation on one geometry that can be decided before its
/// data are there: algorithm, tiles, workspace.
///
/// A plan is immutable. Many threads may execute one plan at the same time,
/// each with a workspace of its own.
public struct ConvolutionPlan<
  Operation: PlannedOperation, Scalar: ConvolutionScalar
>: Sendable {
  /// The problem.
  public let geometry: Conv2DGeometry
  /// What was asked for.
  public let options: ConvolutionOptions
  /// The algorithm taken; never `.automatic`.
  public let algorithm: ConvolutionAlgorithm
  /// Threads an execution runs on: those asked for, or fewer where there are
  /// fewer tasks or the workspace limit does not allow more.
  public let threads: Int
  /// Workspace of one execution, in bytes; within the limit asked for.
  public let workspaceByteCount: Int

  /// Memory of a prepared filter, in bytes.
  public var preparedFilterByteCount: Int { kernel.filterByteCount }
  /// How the work is cut, in words.
  public var summary: String { kernel.summary }
  /// The relative Frobenius error to expect of random data in the type that sums
  /// are taken in; `nil` where it is that of a plain sum.
  public var expectedError: Double? { kernel.expectedError }
  /// What bounds how rounding errors grow where Winograd mixes terms.
  package var errorGrowth: Double? { kernel.errorGrowth }
  /// What the cost model expects of an execution on one thread. Its numbers are
  /// of one machine; their ratios are what decides between algorithms.
  public var predictedTime: Duration {
    // A duration holds no more than some 1e20 seconds.
    .nanoseconds(min(Candidates.cost(kernel, map), 1e27))
  }

  /// Why the algorithm was taken.
  private var reason: String {
    if options.algorithm != .automatic { return "asked for" }
    if geometry.isDegenerate { return "there is nothing to add up" }
    return options.tuning == .measure
      ? "measured to be the fastest" : "expected to be the fastest"
  }

  let kernel: any TileKernel
  private let map: ConvolutionMap
  /// Workspace of a thread, in bytes, behind what all threads share.
  let workspacePerThread: Int
  let sharedByteCount: Int

  /// Work below which starting a second thread costs more than it saves, in
  /// operations.
  private static var singleThreadFlops: Double { 500_000 }

  /// Chooses an algorithm and cuts the work into tasks.
  ///
  /// - Throws: ``Conv2DError`` if the algorithm asked for cannot serve the
  ///   geometry, the number of threads is below 1, or the workspace limit is
  ///   below what one thread needs.
  /// - Complexity: O(`kh + kw`) and at most some thousand phases of a strided
  ///   problem and rows and tiles of an image; with ``Tuning/measure`` some ten
  ///   executions.
  public init(
    _ geometry: Conv2DGeometry, options: ConvolutionOptions = .init()
  ) throws(Conv2DError) {
    try self.init(geometry, options: options, targets: nil)
  }

  /// A plan that aims at other tile sizes, for measuring them.
  package init(
    _ geometry: Conv2DGeometry, options: ConvolutionOptions,
    targets: TileTargets?
  ) throws(Conv2DError) {
    // A stub of a conformance elsewhere ends here, before it meets any memory.
    _ = (Operation._sealedOperation, Scalar._sealedScalar)
    guard options.threads >= 1 else { throw .threads(options.threads) }
    let map = ConvolutionMap(geometry, Operation.operation, Scalar.scalarType)
    var algorithm = options.algorithm
    if algorithm == .automatic, options.tuning == .measure, !map.isDegenerate {
      algorithm = try Self.fastest(geometry, options: options)
    }
    let request = KernelRequest(
      map: map, promise: options.winograd, products: options.products,
      targets: targets)
    (self.algorithm, kernel) =
      algorithm == .automatic
      ? Candidates.cheapest(request)
      : (algorithm, try Candidates.make(algorithm, request))
    let perThread = Workspace.padded(kernel.workspaceByteCount)
    let shared = Workspace.padded(kernel.partialByteCount)
    workspacePerThread = perThread
    sharedByteCount = shared
    var threads = min(
      options.threads, WorkerPool.maximumThreads, max(1, kernel.taskCount))
    if geometry.flops < Self.singleThreadFlops { threads = 1 }
    if let limit = options.workspaceLimit {
      guard limit >= shared + perThread else {
        throw .workspaceLimit(limit: limit, needed: shared + perThread)
      }
      if perThread > 0 { threads = min(threads, (limit - shared) / perThread) }
    }
    // Made here: of a process forked while another thread makes them, the child
    // would wait for that thread for ever.
    _ = (WorkerPool.shared, SingleThreadedBLAS.shared)
    self.geometry = geometry
    self.map = map
    self.options = options
    self.threads = threads
    workspaceByteCount = shared + threads * perThread
  }

  /// Memory for executions of this plan.
  public func makeWorkspace() -> Workspace {
    Workspace(byteCount: workspaceByteCount)
  }
}

extension ConvolutionPlan: CustomStringConvertible {
  /// The algorithm, how the work is cut, and why.
  public var description: String {
    "\(algorithm.rawValue) (\(reason)): \(kernel.summary); "
      + (expectedError.map { "relative error about \(twoDigits($0)); " } ?? "")
      + "\(threads) thread\(threads == 1 ? "" : "s"), "
      + "\(workspaceByteCount) bytes of workspace"
  }
}

// MARK: - Filter

/// An operation with a filter, which a plan prepares. No other type can conform.
public protocol FilteringOperation: PlannedOperation {
  /// Keeps other conformances out.
  static var _sealedFiltering: _Sealed<Self, any FilteringOperation> { get }
}

extension InputGradient: FilteringOperation {
  public static var _sealedFiltering: _Sealed<Self, any FilteringOperation> {
    .init()
  }
}

extension Forward: FilteringOperation {
  public static var _sealedFiltering: _Sealed<Self, any FilteringOperation> {
    .init()
  }
}

extension ConvolutionPlan where Operation: FilteringOperation {
  /// Brings a filter into the order that executions read it in, once for many
  /// executions.
  ///
  /// - Parameter filter: `[kh, kw, Cin / groups, Cout]`; a precondition checks
  ///   the count.
  /// - Complexity: O(`filter.count`), on the plan's threads.
  public func prepare(filter: Span<Scalar>) -> PreparedFilter<Scalar> {
    prepared(filter: filter)
  }

  /// Brings a filter into the order that executions read it in, from a bare
  /// pointer.
  ///
  /// - Parameter filter: `geometry.filterCount` scalars,
  ///   `[kh, kw, Cin / groups, Cout]`; the caller answers for them. `nil` only
  ///   where there are none.
  /// - Complexity: O(`geometry.filterCount`), on the plan's threads.
  public func prepare(
    filter: UnsafePointer<Scalar>?
  ) -> PreparedFilter<Scalar> {
    prepared(filter: filter)
  }
}

extension ConvolutionPlan {
  func prepared(filter: Span<Scalar>) -> PreparedFilter<Scalar> {
    precondition(
      filter.count == geometry.filterCount,
      "the filter has \(filter.count) scalars; the plan needs "
        + "\(geometry.filterCount)")
    return filter.withUnsafeBufferPointer { prepared(filter: $0.baseAddress) }
  }

  package func prepared(
    filter: UnsafePointer<Scalar>?
  ) -> PreparedFilter<Scalar> {
    let prepared = PreparedFilter<Scalar>(
      operation: Operation.operation, geometry: geometry,
      algorithm: algorithm, promise: options.winograd,
      products: options.products,
      byteCount: kernel.filterByteCount)
    guard let filter else {
      precondition(geometry.filterCount == 0, "the filter has no address")
      return prepared
    }
    prepare(filter: filter, into: prepared.memory)
    return prepared
  }

  func prepare(
    filter: UnsafeRawPointer, into prepared: UnsafeMutableRawPointer
  ) {
    let memory = TileMemory(
      first: filter, source: StoredPointer(filter, Scalar.scalarType),
      result: MutableStoredPointer(prepared, Scalar.scalarType),
      partial: prepared, workspace: prepared)
    // Packing is copying: a thread is worth its start from about a megabyte.
    KernelCall(kernel, .prepare, memory)
      .run(threads: min(threads, 1 + kernel.filterByteCount >> 20))
  }
}

/// A filter in the order that a plan's algorithm reads it in.
public final class PreparedFilter<Scalar: ConvolutionScalar>: Sendable {
  private let operation: ConvolutionOperation
  private let geometry: Conv2DGeometry
  private let algorithm: ConvolutionAlgorithm
  private let promise: WinogradPromise
  private let products: ProductProvider
  /// Memory held, in bytes.
  public let byteCount: Int
  nonisolated(unsafe) let memory: UnsafeMutableRawPointer

  init(
    operation: ConvolutionOperation, geometry: Conv2DGeometry,
    algorithm: ConvolutionAlgorithm, promise: WinogradPromise,
    products: ProductProvider, byteCount: Int
  ) {
    self.products = products
    self.operation = operation
    self.geometry = geometry
    self.algorithm = algorithm
    self.promise = promise
    self.byteCount = byteCount
    memory = allocateOperands(byteCount: byteCount)
  }

  deinit {
    memory.deallocate()
  }

  /// Whether a plan reads it in that order.
  func suits<Operation>(_ plan: ConvolutionPlan<Operation, Scalar>) -> Bool {
    operation == Operation.operation && geometry == plan.geometry
      && algorithm == plan.algorithm
      // Another accuracy takes other points, and products of another number.
      && (algorithm != .winograd || promise == plan.options.winograd)
      && (algorithm != .column || products == plan.options.products)
  }
}
