// The one place that speaks to OpenBLAS, or to another CBLAS in its place.

internal import COpenBLAS
internal import Dispatch

extension Float {
  static func multiply(
    rows: Int, columns: Int, depth: Int,
    _ a: UnsafePointer<Float>, stride aStride: Int,
    _ b: UnsafePointer<Float>, stride bStride: Int,
    accumulate: Bool,
    into c: UnsafeMutablePointer<Float>, stride cStride: Int
  ) {
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans,
      blasint(rows), blasint(columns), blasint(depth),
      1, a, blasint(aStride), b, blasint(bStride),
      accumulate ? 1 : 0, c, blasint(cStride))
  }
}

extension Double {
  static func multiply(
    rows: Int, columns: Int, depth: Int,
    _ a: UnsafePointer<Double>, stride aStride: Int,
    _ b: UnsafePointer<Double>, stride bStride: Int,
    accumulate: Bool,
    into c: UnsafeMutablePointer<Double>, stride cStride: Int
  ) {
    cblas_dgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans,
      blasint(rows), blasint(columns), blasint(depth),
      1, a, blasint(aStride), b, blasint(bStride),
      accumulate ? 1 : 0, c, blasint(cStride))
  }
}

/// The BLAS that is linked.
public enum BLASRuntime {
  /// Whether it is OpenBLAS. Any CBLAS computes the same.
  static let isOpenBLAS = conv_blas_is_openblas() != 0

  /// The CPU type that OpenBLAS runs kernels for, such as `Haswell`; `unknown`
  /// of another BLAS.
  ///
  /// The environment variable `OPENBLAS_CORETYPE` can pin it below what the
  /// CPU has; this package leaves the user's setting alone.
  public static var coreName: String {
    isOpenBLAS ? String(cString: openblas_get_corename()) : "unknown"
  }

  /// OpenBLAS's version and build options; `not OpenBLAS` of another BLAS.
  public static var configuration: String {
    isOpenBLAS
      ? String(cString: openblas_get_config()).trimmingSuffix(" ")
      : "not OpenBLAS"
  }

  /// The process-wide thread count of OpenBLAS, which is 1 while a task with
  /// packed products runs; 1 of another BLAS.
  public static var threads: Int {
    isOpenBLAS ? Int(openblas_get_num_threads()) : 1
  }

  /// Sets the process-wide thread count of OpenBLAS.
  static func setThreads(_ count: Int) {
    if isOpenBLAS { openblas_set_num_threads(CInt(count)) }
  }

  /// What the core's GEMM likes.
  static let core = BLASCore(
    name: coreName, configuration: configuration)

  /// The rate of the linked GEMM on square products, for comparison.
  ///
  /// - Parameters:
  ///   - size: rows, columns and depth, at least 1.
  ///   - repetitions: products timed, the best counts.
  ///   - threads: how many products run at a time, each on one thread, as the
  ///     engine's do; no more than there are processors.
  /// - Returns: operations a second; of all threads.
  package static func gemmRate<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, size: Int = 768, repetitions: Int = 5,
    threads: Int = 1
  ) -> Double {
    let threads = min(threads, ConvolutionOptions.availableProcessors)
    return Scalar.scalarType == .float64
      ? measuredRate(Double.self, size, repetitions, threads)
      : measuredRate(Float.self, size, repetitions, threads)
  }

  private static func measuredRate<Scalar: ComputeScalar>(
    _ type: Scalar.Type, _ size: Int, _ repetitions: Int, _ threads: Int
  ) -> Double {
    let count = size * size
    nonisolated(unsafe) let memory = UnsafeMutablePointer<Scalar>.allocate(
      capacity: 3 * count * threads)
    defer { memory.deallocate() }
    for index in 0..<3 * count * threads {
      memory[index] = Scalar(index % 17) / 16
    }
    var best = Duration.seconds(1 << 20)
    for _ in 0..<repetitions {
      best = min(
        best,
        ContinuousClock().measure {
          DispatchQueue.concurrentPerform(iterations: threads) { thread in
            SingleThreadedBLAS.shared.beginTask()
            let memory = memory + 3 * count * thread
            Scalar.multiply(
              rows: size, columns: size, depth: size, memory, stride: size,
              memory + count, stride: size, accumulate: false,
              into: memory + 2 * count, stride: size)
            SingleThreadedBLAS.shared.endTask()
          }
        })
    }
    return 2 * Double(size * threads) * Double(count) / (best / .seconds(1))
  }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> String {
    var text = self[...]
    while text.last == character { text.removeLast() }
    return String(text)
  }
}
