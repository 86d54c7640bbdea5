// Scalars of a type that is known at run time: what algorithms read and write
// tensors through, so that none is written, or compiled, once a storage type.

/// Scalars of a tensor that is read.
struct StoredPointer {
  let address: UnsafeRawPointer
  let type: ScalarType

  init(_ address: UnsafeRawPointer, _ type: ScalarType) {
    (self.address, self.type) = (address, type)
  }

  static func + (pointer: Self, scalars: Int) -> Self {
    Self(pointer.address + scalars * pointer.type.byteCount, pointer.type)
  }

  /// The same, where sums are taken in the type itself.
  func asCompute<Compute: ComputeScalar>() -> UnsafePointer<Compute>? {
    type.isCompute ? address.assumingMemoryBound(to: Compute.self) : nil
  }

  /// `destination[i] = self[i]`, exactly.
  func widen<Compute: ComputeScalar>(
    to destination: UnsafeMutablePointer<Compute>, count: Int
  ) {
    widenRows(stride: 0, to: destination, stride: 0, rows: 1, count: count)
  }

  /// Rows of a matrix, exactly.
  func widenRows<Compute: ComputeScalar>(
    stride: Int, to destination: UnsafeMutablePointer<Compute>,
    stride destinationStride: Int, rows: Int, count: Int
  ) {
    type.kernels.pointee.widen(
      destination, destinationStride, address, stride, rows, count)
  }

  /// The transpose of a matrix whose columns lie `step` apart, exactly.
  func widenTransposed<Compute: ComputeScalar>(
    rows: Int, columns: Int, stride: Int, step: Int = 1,
    to destination: UnsafeMutablePointer<Compute>,
    stride destinationStride: Int
  ) {
    type.kernels.pointee.widen_transposed(
      destination, destinationStride, address, stride, step, rows, columns)
  }

  /// `destination[p * phaseStride + q] = self[q * phases + p]`, exactly: the
  /// columns of a row, in order, sorted by phase.
  func sortByPhase<Compute: ComputeScalar>(
    _ phases: Int, to destination: UnsafeMutablePointer<Compute>,
    phaseStride: Int, count: Int
  ) {
    if phases == 1 {
      widen(to: destination, count: count)
      return
    }
    let (whole, rest) = count.quotientAndRemainder(dividingBy: phases)
    widenTransposed(
      rows: whole, columns: phases, stride: phases, to: destination,
      stride: phaseStride)
    if rest > 0 {
      (self + whole * phases).widenTransposed(
        rows: 1, columns: rest, stride: phases, to: destination + whole,
        stride: phaseStride)
    }
  }

  /// One scalar, exactly.
  subscript(index: Int) -> Double {
    let place = (self + index).address
    return switch type {
    case .float16: Double(place.load(as: Float16.self))
    case .bfloat16: Double(Float(place.load(as: BFloat16.self)))
    case .float32: Double(place.load(as: Float.self))
    case .float64: place.load(as: Double.self)
    }
  }
}

/// Scalars of a tensor that is written; numbers are rounded to nearest even.
struct MutableStoredPointer {
  let address: UnsafeMutableRawPointer
  let type: ScalarType

  init(_ address: UnsafeMutableRawPointer, _ type: ScalarType) {
    (self.address, self.type) = (address, type)
  }

  static func + (pointer: Self, scalars: Int) -> Self {
    Self(pointer.address + scalars * pointer.type.byteCount, pointer.type)
  }

  /// The same, where sums are taken in the type itself.
  func asCompute<Compute: ComputeScalar>() -> UnsafeMutablePointer<Compute>? {
    type.isCompute ? address.assumingMemoryBound(to: Compute.self) : nil
  }

  /// `self[i] = source[i]`.
  func narrow<Compute: ComputeScalar>(
    _ source: UnsafePointer<Compute>, count: Int
  ) {
    narrowRows(source, stride: 0, to: 0, rows: 1, count: count)
  }

  /// Rows of a matrix, which lie `stride` apart here.
  func narrowRows<Compute: ComputeScalar>(
    _ source: UnsafePointer<Compute>, stride sourceStride: Int,
    to stride: Int, rows: Int, count: Int
  ) {
    type.kernels.pointee.narrow(
      address, stride, source, sourceStride, rows, count)
  }

  /// The transpose of a row-major matrix, whose rows lie `stride` apart here.
  func narrowTransposed<Compute: ComputeScalar>(
    _ source: UnsafePointer<Compute>, rows: Int, columns: Int,
    stride sourceStride: Int, to stride: Int
  ) {
    type.kernels.pointee.narrow_transposed(
      address, stride, source, sourceStride, 1, rows, columns)
  }

  /// `self[q * phases + p] = source[p * phaseStride + q]`: the columns of a row,
  /// sorted by phase, in order.
  func interleave<Compute: ComputeScalar>(
    _ source: UnsafePointer<Compute>, phases: Int, phaseStride: Int, count: Int
  ) {
    if phases == 1 {
      narrow(source, count: count)
      return
    }
    let (whole, rest) = count.quotientAndRemainder(dividingBy: phases)
    narrowTransposed(
      source, rows: phases, columns: whole, stride: phaseStride, to: phases)
    if rest > 0 {
      (self + whole * phases).narrowTransposed(
        source + whole, rows: rest, columns: 1, stride: phaseStride, to: phases)
    }
  }

  /// Sets scalars to +0.0, all of whose bits are zero in every type.
  func clear(count: Int) {
    address.initializeMemory(
      as: UInt8.self, repeating: 0, count: count * type.byteCount)
  }

  /// `self[i * step] = source[i]`.
  func spread(_ source: MutableStoredPointer, step: Int, count: Int) {
    func copy<Bits: FixedWidthInteger>(_ bits: Bits.Type) {
      let source = source.address.assumingMemoryBound(to: bits)
      let place = address.assumingMemoryBound(to: bits)
      for index in 0..<count { place[index * step] = source[index] }
    }
    switch type.byteCount {
    case 2: copy(UInt16.self)
    case 4: copy(UInt32.self)
    default: copy(UInt64.self)
    }
  }

  /// Writes one scalar.
  func store(_ value: Double, at index: Int) {
    let place = (self + index).address
    switch type {
    case .float16: place.storeBytes(of: Float16(value), as: Float16.self)
    case .bfloat16: place.storeBytes(of: .rounded(value), as: BFloat16.self)
    case .float32: place.storeBytes(of: Float(value), as: Float.self)
    case .float64: place.storeBytes(of: value, as: Double.self)
    }
  }
}
