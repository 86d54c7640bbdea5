/// A shape and its scalars, in row-major order; nothing more.
public struct Tensor<Scalar: ConvolutionScalar>: Sendable {
  /// Sizes of the dimensions, outermost first.
  public let shape: [Int]
  /// The elements; as many as the product of `shape`, which a precondition
  /// checks when they change.
  public var scalars: [Scalar] {
    get { storage }
    _modify {
      let count = storage.count
      yield &storage
      precondition(storage.count == count, "the count follows the shape")
    }
  }

  private var storage: [Scalar]

  /// Puts a shape to scalars.
  ///
  /// - Throws: ``Conv2DError/elementCount(shape:got:needed:)`` if the count does
  ///   not fit the shape, ``Conv2DError/negativeSize(_:sizes:)`` or
  ///   ``Conv2DError/tooLarge(_:)`` if there is no such shape.
  public init(shape: [Int], scalars: [Scalar]) throws(Conv2DError) {
    guard shape.allSatisfy({ $0 >= 0 }) else {
      throw .negativeSize(.tensor, sizes: shape)
    }
    let needed = try checkedElementCount(shape, of: .tensor)
    guard scalars.count == needed else {
      throw .elementCount(shape: shape, got: scalars.count, needed: needed)
    }
    self.shape = shape
    storage = scalars
  }

  /// A tensor with the same scalar everywhere.
  ///
  /// - Throws: as ``init(shape:scalars:)``, or ``Conv2DError/outOfMemory(bytes:)``.
  /// - Complexity: O(count).
  public init(shape: [Int], repeating scalar: Scalar) throws(Conv2DError) {
    guard shape.allSatisfy({ $0 >= 0 }) else {
      throw .negativeSize(.tensor, sizes: shape)
    }
    let count = try checkedElementCount(shape, of: .tensor)
    try checkMemory(count * MemoryLayout<Scalar>.stride)
    self.shape = shape
    storage = Array(repeating: scalar, count: count)
  }

  /// Calls `body` with the elements, to be changed in place.
  mutating func withMutableSpan(_ body: (inout MutableSpan<Scalar>) -> Void) {
    var span = storage.mutableSpan
    body(&span)
  }

  /// A tensor whose shape is known to be good, filled by `body`.
  init(
    uncheckedShape shape: [Int], count: Int,
    _ body: (inout MutableSpan<Scalar>) -> Void
  ) {
    self.shape = shape
    storage = Array(unsafeUninitializedCapacity: count) { buffer, filled in
      var span = MutableSpan(_unsafeElements: buffer)
      body(&span)
      filled = count
    }
  }
}

extension Tensor: Equatable where Scalar: Equatable {}
