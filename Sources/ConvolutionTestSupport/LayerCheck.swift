internal import CLAPACKE
import Convolutions
import Dispatch

/// Real data against a sum in double precision.
public enum LayerCheck {
  /// Multiply-adds up to which every element is compared.
  private static let fullWork = 0x1p27

  /// Elements compared of a larger problem, at the border and anywhere.
  private static let sampleCount = 4096

  /// Uniform numbers in [-1, 1), rounded to the type.
  public static func randomScalars<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, count: Int, seed: UInt64
  ) -> [Scalar] {
    func fill<Test: TestScalar>(
      _ type: Test.Type, _ memory: UnsafeMutableRawPointer
    ) {
      let memory = memory.bindMemory(to: type, capacity: count)
      var generator = SeededGenerator(seed: seed)
      for index in 0..<count {
        // Multiples of 2^-52, so that Double has something to round too.
        let step = Int64(bitPattern: generator.next()) >> 11
        memory[index] = Test(rounding: step, exponent: -52)
      }
    }
    return Array(unsafeUninitializedCapacity: count) { buffer, filled in
      if let base = buffer.baseAddress {
        fill(Scalar.scalarType.testType, UnsafeMutableRawPointer(base))
      }
      filled = count
    }
  }

  /// How far a result is from the reference.
  public struct Errors: Sendable, Hashable {
    /// The largest `|result - reference|` over the largest `|reference|`.
    public let largest: Double
    /// The same of the Frobenius norms.
    public let relative: Double

    public init(largest: Double, relative: Double) {
      self.largest = largest
      self.relative = relative
    }
  }

  /// The errors of a result.
  ///
  /// Every element is compared below 2^27 multiply-adds, else a fixed sample
  /// with the corners and edges of each image. A result that is not finite,
  /// anywhere, gives infinity.
  public static func errors<Scalar: ConvolutionScalar>(
    _ operation: ConvolutionOperation, geometry: Conv2DGeometry,
    _ first: [Scalar], _ second: [Scalar], result: [Scalar]
  ) -> Errors {
    precondition(result.count == geometry.count(of: operation.result))
    let results = doubles(result)
    guard results.allSatisfy(\.isFinite) else {
      return Errors(largest: .infinity, relative: .infinity)
    }
    let isSample = geometry.flops / 2 >= fullWork
    let places =
      isSample ? sample(operation, geometry) : Array(results.indices)
    guard !places.isEmpty else { return Errors(largest: 0, relative: 0) }
    let terms = ResultTerms(operation, geometry)
    let (first, second) = (doubles(first), doubles(second))

    let chunk = 256
    let chunks = (places.count + chunk - 1) / chunk
    let references = [Double](unsafeUninitializedCapacity: places.count) {
      buffer, count in
      nonisolated(unsafe) let buffer = buffer
      DispatchQueue.concurrentPerform(iterations: chunks) { index in
        for place in index * chunk..<min((index + 1) * chunk, places.count) {
          buffer.initializeElement(
            at: place, to: terms.sum(of: places[place], first, second))
        }
      }
      count = places.count
    }
    let errors = zip(places, references).map { results[$0] - $1 }
    // Of the largest magnitude, and of Frobenius; the latter without the border
    // of a sample, which has more of it than the result.
    func ratio(_ norm: Character, from first: Int = 0) -> Double {
      let error = self.norm(norm, Array(errors[first...]))
      return error == 0
        ? 0 : error / self.norm(norm, Array(references[first...]))
    }
    return Errors(
      largest: ratio("M"),
      relative: ratio("F", from: isSample ? sampleCount : 0))
  }

  /// A norm of at least one value, by its letter in LAPACK.
  private static func norm(_ norm: Character, _ values: [Double]) -> Double {
    let count = Int32(values.count)
    return LAPACKE_dlange(
      LAPACK_ROW_MAJOR, CChar(norm.asciiValue!), 1, count, values, count)
  }

  /// The largest ``Errors/largest`` that passes, for data of ``randomScalars(_:count:seed:)``.
  ///
  /// A product of two such numbers has the standard deviation 1/3, so a sum of
  /// `n` has √n / 3, and the largest of thousands is about 4 times that. In one
  /// long chain the `k`-th partial sum is rounded by up to u √k / 3; the
  /// roundings are independent and add up to a standard deviation of about
  /// u n / 7, the largest of thousands again 4 times that. So the largest error
  /// over the largest result is about u √n / 2. With n ≤ 2^14, beyond the
  /// longest sum of any layer here, that is 2^6 u; the tolerance is four times
  /// it, 2^8 u. One wrong tap of such a sum is off by some 1 / (4 √n) of the
  /// largest result, 2^-9: far above.
  ///
  /// Half types are summed in `Float` and rounded once, by at most u of the
  /// type, relative to the element and so to the largest.
  public static func tolerance(_ type: ScalarType) -> Double {
    let unit = 1 / Double(1 << (type.testType.significandBits + 1))
    return type == .float32 || type == .float64
      ? 0x1p8 * unit : unit + 0x1p-16
  }

  /// Fixed places of the result: the border of its images, or of the kernel, and
  /// the inside, with any image and channel, and as many anywhere.
  private static func sample(
    _ operation: ConvolutionOperation, _ geometry: Conv2DGeometry
  ) -> [Int] {
    var generator = SeededGenerator(seed: 0x5A3B1E)
    let sizes = geometry.sizes(of: operation.result)
    func coordinate(_ size: Int, _ kind: Int) -> Int {
      switch kind {
      case 0: 0
      case 1: size - 1
      default: generator.int(0...size - 1)
      }
    }
    // Image rows and columns, and what else there is.
    let (row, column, others) =
      switch operation.result {
      case .filter: (0, 1, [2, 3])
      default:
        (
          geometry.dataFormat.heightIndex, geometry.dataFormat.widthIndex,
          [0, geometry.dataFormat.channelIndex]
        )
      }
    let border = (0..<sampleCount).map { index in
      // Nine pairs of first, last and any row and column in turn.
      var place = [0, 0, 0, 0]
      place[row] = coordinate(sizes[row], index % 3)
      place[column] = coordinate(sizes[column], index / 3 % 3)
      place[others[0]] = coordinate(sizes[others[0]], index / 9 % 5)
      place[others[1]] = coordinate(sizes[others[1]], index / 45 % 7)
      return zip(sizes, place).reduce(0) { $0 * $1.0 + $1.1 }
    }
    let anywhere = (0..<sampleCount).map { _ in
      generator.int(0...geometry.count(of: operation.result) - 1)
    }
    return border + anywhere
  }
}

extension ResultTerms {
  /// An element of the result in double precision.
  fileprivate func sum(
    of place: Int, _ first: [Double], _ second: [Double]
  ) -> Double {
    var sum = 0.0
    forEachRun(of: place) { run in
      for index in 0..<run.count {
        sum +=
          first[run.first + index * run.firstStride]
          * second[run.second + index * run.secondStride]
      }
    }
    return sum
  }
}
