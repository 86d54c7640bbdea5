/// The plan behind those of each operation and type: everything that can be
/// decided before the data are there.
package struct OperationPlan: Sendable {
  package let operation: ConvolutionOperation
  package let type: ScalarType
  package let geometry: Conv2DGeometry
  package let options: ConvolutionOptions
  /// Never `.automatic`.
  package let algorithm: ConvolutionAlgorithm
  package let threads: Int
  package let workspaceByteCount: Int
  let bound: BoundKernel
  private let map: ConvolutionMap
  /// Workspace of all threads together, in bytes, and of each behind it.
  private let sharedByteCount: Int
  private let workspacePerThread: Int

  /// Work below which starting a second thread costs more than it saves, in
  /// operations.
  private static var singleThreadFlops: Double { 500_000 }

  /// - Parameter targets: tile sizes to aim at in place of the library's own, for
  ///   measuring them.
  package init(
    _ operation: ConvolutionOperation, _ type: ScalarType,
    _ geometry: Conv2DGeometry, options: ConvolutionOptions,
    targets: TileTargets? = nil
  ) throws(Conv2DError) {
    guard options.threads >= 1 else { throw .threads(options.threads) }
    map = ConvolutionMap(geometry, operation, type)
    var algorithm = options.algorithm
    if algorithm == .automatic, options.tuning == .measure, !map.isDegenerate {
      algorithm = try Self.fastest(
        operation, type, geometry, options: options)
    }
    let request = KernelRequest(
      map: map, accuracy: options.winograd, products: options.products,
      targets: targets)
    (self.algorithm, bound) =
      algorithm == .automatic
      ? Candidates.cheapest(request)
      : (algorithm, try Candidates.make(algorithm, request))
    let kernel = bound.kernel
    let perThread = Workspace.padded(kernel.workspaceByteCount)
    let shared = Workspace.padded(kernel.partialByteCount)
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
    _ = (WorkerPool.shared, SingleThreadedBLAS.shared, SharedBlocks.shared)
    self.operation = operation
    self.type = type
    self.geometry = geometry
    self.options = options
    self.threads = threads
    sharedByteCount = shared
    workspacePerThread = perThread
    workspaceByteCount = shared + threads * perThread
  }

  var kernel: any TileKernel { bound.kernel }
  package var summary: String { kernel.summary }
  package var expectedError: Double? { kernel.expectedError }
  /// What bounds how rounding errors grow where Winograd mixes terms.
  package var errorGrowth: Double? { kernel.errorGrowth }
  package var preparedFilterByteCount: Int { kernel.filterByteCount }
  package var resultCount: Int { geometry.count(of: operation.result) }

  package var predictedTime: Duration {
    // A duration holds no more than some 1e20 seconds.
    .nanoseconds(min(Candidates.cost(bound, map), 1e27))
  }

  /// Why the algorithm was taken.
  private var reason: String {
    if options.algorithm != .automatic { return "asked for" }
    if map.isDegenerate { return "there is nothing to add up" }
    return options.tuning == .measure
      ? "measured to be the fastest" : "expected to be the fastest"
  }

  package func makeWorkspace() -> Workspace {
    Workspace(byteCount: workspaceByteCount)
  }

  // MARK: Execution

  /// Brings a filter into the order that executions read it in.
  func prepare(
    filter: UnsafeRawPointer, into prepared: UnsafeMutableRawPointer
  ) {
    // Packing is copying: a thread is worth its start from about a megabyte.
    KernelCall(
      bound, .prepare,
      memory(filter, filter, prepared, partial: prepared, scratch: prepared)
    ).run(threads: min(threads, 1 + kernel.filterByteCount >> 20))
  }

  /// Computes the result from the operands, of which a filter is prepared; on
  /// what is checked.
  func run(
    _ first: UnsafeRawPointer, _ second: UnsafeRawPointer,
    _ result: UnsafeMutableRawPointer, _ workspace: UnsafeMutableRawPointer
  ) {
    let memory = memory(
      first, second, result, partial: workspace,
      scratch: workspace + sharedByteCount)
    KernelCall(bound, .run, memory, workspacePerThread: workspacePerThread)
      .run(threads: threads)
    guard kernel.finishTaskCount > 0 else { return }
    KernelCall(bound, .finish, memory).run(threads: threads)
  }

  private func memory(
    _ first: UnsafeRawPointer, _ second: UnsafeRawPointer,
    _ result: UnsafeMutableRawPointer, partial: UnsafeMutableRawPointer,
    scratch: UnsafeMutableRawPointer
  ) -> TileMemory {
    TileMemory(
      first: first, source: StoredPointer(second, type),
      result: MutableStoredPointer(result, type), partial: partial,
      workspace: scratch)
  }
}

extension OperationPlan: CustomStringConvertible {
  /// The algorithm, how the work is cut, and why.
  package var description: String {
    "\(algorithm.rawValue) (\(reason)): \(summary); "
      + (expectedError.map { "relative error about \(twoDigits($0)); " } ?? "")
      + "\(threads) thread\(threads == 1 ? "" : "s"), "
      + "\(workspaceByteCount) bytes of workspace"
  }
}
