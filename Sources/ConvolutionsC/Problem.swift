import CConvolutions
import Convolutions

// What a caller asks for, from the numbers of the header.

/// A struct that begins with its size, as its caller was compiled with it.
protocol Sized {
  /// All zero.
  init()

  static var name: String { get }

  /// Bytes of the first version, without padding at the end.
  static var leastSize: Int { get }
}

extension conv_problem: Sized {
  static var name: String { "problem" }
  static var leastSize: Int {
    MemoryLayout.offset(of: \Self.explicit_paddings)!
      + MemoryLayout<conv_list>.size
  }
}

extension conv_options: Sized {
  static var name: String { "options" }
  static var leastSize: Int {
    MemoryLayout.offset(of: \Self.reserved)! + MemoryLayout<Int32>.size
  }
}

extension Sized {
  /// A struct as large as this library is not likely to become.
  private static var mostSize: Int { 4096 }

  /// Fields that the caller lacks are zero; those unknown here must be.
  init(reading pointer: UnsafePointer<Self>) throws(Failure) {
    let pointer = UnsafeRawPointer(pointer)
    let size = pointer.load(as: Int.self)
    guard (Self.leastSize...Self.mostSize).contains(size) else {
      throw Failure(
        CONV_ERROR_VALUE,
        "\(Self.name).size is \(size); it must be sizeof(conv_\(Self.name)), "
          + "which is \(MemoryLayout<Self>.stride)")
    }
    self.init()
    let known = min(size, MemoryLayout<Self>.stride)
    withUnsafeMutableBytes(of: &self) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: known))
    }
    let rest = UnsafeRawBufferPointer(start: pointer, count: size)[known...]
    guard rest.allSatisfy({ $0 == 0 }) else {
      throw Failure(
        CONV_ERROR_VALUE,
        "\(Self.name) has fields that this library does not know")
    }
  }
}

extension conv_problem {
  func operationAsked() throws(Failure) -> ConvolutionOperation {
    try choice(
      operation, "operation", [.inputGradient, .forward, .filterGradient])
  }

  func scalarType() throws(Failure) -> ScalarType {
    try choice(type, "type", [.float32, .float64, .float16, .bfloat16])
  }

  func geometry() throws(Failure) -> Conv2DGeometry {
    let operation = try operationAsked()
    let dataFormat = try choice(
      data_format, "data_format", [DataFormat.nhwc, .nchw])
    let padding = try paddingAsked()
    let input = try input_sizes.numbers("input_sizes")
    let filter = try filter_sizes.numbers("filter_sizes")
    let outBackprop = try out_backprop_sizes.numbers("out_backprop_sizes")
    let strides = try self.strides.numbers("strides", default: [1, 1, 1, 1])
    let dilations = try self.dilations.numbers(
      "dilations", default: [1, 1, 1, 1])
    return try checked { () throws(Conv2DError) in
      if operation == .forward, outBackprop.isEmpty {
        return try Conv2DGeometry(
          inputSizes: input, filterSizes: filter, strides: strides,
          padding: padding, dataFormat: dataFormat, dilations: dilations)
      }
      // The height and width alone are a result's, whose batch follows.
      guard operation == .inputGradient || input.count == 4 else {
        throw .rank(.input, got: input.count)
      }
      return try Conv2DGeometry(
        inputSizes: input, filterSizes: filter, outBackpropSizes: outBackprop,
        strides: strides, padding: padding, dataFormat: dataFormat,
        dilations: dilations)
    }
  }

  private func paddingAsked() throws(Failure) -> Padding {
    let numbers = try explicit_paddings.numbers("explicit_paddings")
    let padding = try choice(
      padding, "padding", [.valid, .same, Padding.explicit([])])
    guard case .explicit = padding else {
      guard numbers.isEmpty else {
        throw Failure(
          CONV_ERROR_VALUE,
          "explicit_paddings go with CONV_EXPLICIT alone")
      }
      return padding
    }
    guard numbers.count == 8 else {
      throw Failure(
        CONV_ERROR_LENGTH,
        "explicit_paddings has \(numbers.count) entries; it must have 8")
    }
    return .explicit(
      (0..<4).map { Padding.Pair(numbers[2 * $0], numbers[2 * $0 + 1]) })
  }
}

extension conv_list {
  private static var mostNumbers: Int64 { 8 }

  func numbers(
    _ name: String, default fallback: [Int] = []
  ) throws(Failure) -> [Int] {
    guard (0...Self.mostNumbers).contains(count) else {
      throw Failure(
        CONV_ERROR_LENGTH,
        "\(name) has \(count) entries; no list has more than "
          + "\(Self.mostNumbers)")
    }
    guard count > 0 else { return fallback }
    let values = try required(values, "\(name).values")
    return (0..<Int(count)).map { Int(values[$0]) }
  }
}

extension conv_options {
  /// In the order of the header's numbers.
  static let algorithms: [ConvolutionAlgorithm] = [
    .automatic, .taps, .column, .narrowGroups, .winograd, .direct, .reference,
    .implicit,
  ]

  func options() throws(Failure) -> ConvolutionOptions {
    guard reserved == 0 else {
      throw Failure(CONV_ERROR_VALUE, "reserved is \(reserved); it must be 0")
    }
    guard threads >= 0 else { throw Failure(.threads(Int(threads))) }
    guard workspace_limit >= 0 else {
      throw Failure(
        CONV_ERROR_WORKSPACE_LIMIT,
        "workspace_limit must not be negative, got \(workspace_limit)")
    }
    return ConvolutionOptions(
      algorithm: try choice(algorithm, "algorithm", Self.algorithms),
      accuracy: try choice(accuracy, "accuracy", [.standard, .tight]),
      threads: threads == 0
        ? ConvolutionOptions.availableProcessors : Int(threads),
      workspaceLimit: workspace_limit == 0 ? nil : Int(workspace_limit),
      tuning: try choice(tuning, "tuning", [.estimate, .measure]),
      products: try choice(
        products, "products", [.automatic, .blas, .panels]))
  }
}

/// Sizes of one axis, whose numbers nobody has looked at.
///
/// - Returns: `nil` if there is none.
func legalInputSizes(
  outputSize: Int, kernelSize: Int, stride: Int, dilation: Int,
  padding: conv_padding, pads: Padding.Pair
) throws(Failure) -> ClosedRange<Int>? {
  let padding = try choice(
    padding, "padding", [.valid, .same, Padding.explicit([pads])])
  for (name, size) in [
    ("output_size", outputSize), ("pad_before", pads.before),
    ("pad_after", pads.after),
  ] where size < 0 {
    throw Failure(
      CONV_ERROR_NEGATIVE, "\(name) must be nonnegative, got \(size)")
  }
  for (name, number) in [
    ("kernel_size", kernelSize), ("stride", stride), ("dilation", dilation),
  ] where number < 1 {
    throw Failure(
      CONV_ERROR_POSITIVE, "\(name) must be positive, got \(number)")
  }
  if case .explicit = padding {
  } else if pads != Padding.Pair(0, 0) {
    throw Failure(CONV_ERROR_VALUE, "pads go with CONV_EXPLICIT alone")
  }
  return Conv2DGeometry.legalInputSizes(
    outputSize: outputSize, kernelSize: kernelSize, stride: stride,
    dilation: dilation, padding: padding, dimension: 0)
}

/// The choice that a number of the header stands for.
private func choice<Choice>(
  _ number: Int32, _ name: String, _ choices: [Choice]
) throws(Failure) -> Choice {
  guard choices.indices.contains(Int(number)) else {
    throw Failure(
      CONV_ERROR_VALUE,
      "\(name) is \(number); it must be 0 to \(choices.count - 1)")
  }
  return choices[Int(number)]
}
