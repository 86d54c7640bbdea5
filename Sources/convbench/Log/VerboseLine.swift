import ConvolutionTestSupport
import Convolutions

/// A line that this package or oneDNN prints of a primitive it has executed,
/// where `CONVOLUTIONS_VERBOSE` or `ONEDNN_VERBOSE` is 1.
///
/// The fields have commas between them:
///
///     mkldnn_verbose,exec,convolution,…
///     dnnl_verbose,exec,cpu,convolution,…
///     onednn_verbose,v1,TIMESTAMP,primitive,exec,cpu,convolution,…
///
/// and then implementation, propagation, memory, attributes, algorithm, problem
/// and milliseconds; some versions leave out the implementation, the attributes
/// or the time, whose decimal separator may be a comma.
struct VerboseLine {
  let primitive: String
  /// What follows the primitive.
  private let fields: [Substring]

  private static let markers = [
    "convolutions_verbose,", "onednn_verbose,", "mkldnn_verbose,",
    "dnnl_verbose,",
  ]

  /// - Returns: `nil` for any other line; what stands before is passed over.
  init?(_ text: String) {
    guard
      let line = Self.markers.lazy.compactMap({ text.firstRange(of: $0) }).first
    else { return nil }
    let fields = text[line.lowerBound...]
      .split(separator: ",", omittingEmptySubsequences: false)
    // The engine, which MKL-DNN 0 has not, and the primitive come next.
    guard let execution = fields.firstIndex(of: "exec") else { return nil }
    let next = fields.dropFirst(execution + 1)
    let hasEngine = ["cpu", "gpu"].contains(next.first?.prefix(3))
    let rest = next.dropFirst(hasEngine ? 1 : 0)
    guard let primitive = rest.first else { return nil }
    // A partition of oneDNN's graphs has a number in the primitive's place.
    let isGraph = fields[..<execution].contains("graph")
    self.primitive = isGraph ? "graph" : String(primitive)
    self.fields = Array(rest.dropFirst())
  }

  var isConvolution: Bool {
    primitive == "convolution" || primitive == "deconvolution"
  }

  /// The problem of a convolution or deconvolution.
  func call() throws(VerboseLineError) -> VerboseCall {
    guard let place = fields.firstIndex(where: VerboseMemory.isDescription),
      place > 0
    else { throw .damaged }
    let (time, end) = time
    guard place < end - 1 else { throw .damaged }
    let problem = try self.problem(fields[end - 1])
    let memory = try VerboseMemory.descriptions(
      fields[place], implementation: fields[max(0, place - 2)])
    return VerboseCall(
      problem: problem, operation: try operation(fields[place - 1]),
      type: try VerboseMemory.commonType(memory),
      layout: VerboseMemory.layout(memory),
      milliseconds: time.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil })
  }

  /// The milliseconds, if they are there, and where what comes before ends.
  private var time: (Double?, end: Int) {
    // As locales print it.
    let last = fields.last!.replacing("\u{66B}", with: ".")
    guard let number = Double(last) else { return (nil, fields.endIndex) }
    let whole = fields.dropLast().last ?? ""
    guard !whole.isEmpty, whole.allSatisfy(\.isWholeNumber) else {
      return (number, fields.endIndex - 1)
    }
    return (Double("\(whole).\(last)"), fields.endIndex - 2)
  }

  /// A deconvolution is the input gradient of the convolution whose sides are
  /// swapped; its gradients are the other operations on that.
  private var isSwapped: Bool { primitive == "deconvolution" }

  private func operation(
    _ propagation: Substring
  ) throws(VerboseLineError) -> ConvolutionOperation {
    switch propagation {
    case "forward_training", "forward_inference", "forward_scoring":
      isSwapped ? .inputGradient : .forward
    case "backward_data":
      isSwapped ? .forward : .inputGradient
    case "backward_weights":
      .filterGradient
    default: throw .propagation(String(propagation))
    }
  }

  private func problem(
    _ field: Substring
  ) throws(VerboseLineError) -> ProblemDescriptor {
    var text = String(field)
    if text.contains("id"), text.contains("kd") { throw .volume }
    if isSwapped {
      text = String(text.map { $0 == "i" ? "o" : $0 == "o" ? "i" : $0 })
    }
    do {
      return try ProblemDescriptor(text)
    } catch {
      throw .problem(error)
    }
  }
}

/// An executed convolution, as far as a line tells.
struct VerboseCall {
  let problem: ProblemDescriptor
  let operation: ConvolutionOperation
  let type: ScalarType
  /// `nil` for an order of the dimensions that this package has not.
  let layout: DataFormat?
  let milliseconds: Double?
}

/// Why a convolution cannot be run again.
enum VerboseLineError: Error, Equatable, CustomStringConvertible {
  case damaged
  case volume
  case propagation(String)
  case problem(DescriptorError)
  case types([String])

  var description: String {
    switch self {
    case .damaged: "the line is damaged"
    case .volume: "three-dimensional"
    case .propagation(let text): "propagation '\(text)'"
    case .problem(let error): "\(error)"
    case .types(let types): "type " + types.joined(separator: ", ")
    }
  }
}

/// A tensor: `src_f32::blocked:acdb::f0`, `src:f32:a:blocked:acdb::f0`, or, of
/// MKL-DNN 0, `fsrc:nhwc`.
struct VerboseMemory {
  let tensor: String
  let type: String
  /// A letter a dimension, in the order of the memory.
  let order: String

  private init?(_ text: Substring, implementation: Substring) {
    var parts = text.split(separator: ":", omittingEmptySubsequences: false)[
      ...]
    guard var tensor = parts.popFirst() else { return nil }
    if tensor.hasPrefix("diff_") { tensor = tensor.dropFirst(5) }
    if Self.formats.contains(tensor), let format = parts.popFirst() {
      self.tensor = String(tensor.dropFirst())
      type = Self.type(of: implementation)
      order = String(format)
      return
    }
    if let bar = tensor.firstIndex(of: "_") {
      type = String(tensor[tensor.index(after: bar)...])
      tensor = tensor[..<bar]
    } else if let part = parts.popFirst() {
      type = String(part)
    } else {
      return nil
    }
    self.tensor = String(tensor)
    // Flags and the kind come first.
    order = parts.count > 2 ? String(parts[parts.startIndex + 2]) : ""
  }

  private static let formats: Set<Substring> = ["fsrc", "fwei", "fbia", "fdst"]

  /// Where a line has formats alone, the implementation tells the type.
  private static func type(of implementation: Substring) -> String {
    let others = ["bf16": "bf16", "int8": "s8", "s8": "s8", "u8": "u8"]
    return others.first { implementation.contains($0.key) }?.value ?? "f32"
  }

  /// Whether a field is what `descriptions` reads.
  static func isDescription(_ field: Substring) -> Bool {
    ["src", "fsrc", "diff_src"].contains { field.hasPrefix($0) }
  }

  /// Source, filter and destination.
  static func descriptions(
    _ field: Substring, implementation: Substring
  ) throws(VerboseLineError) -> [VerboseMemory] {
    let all = field.split(separator: " ").compactMap {
      VerboseMemory($0, implementation: implementation)
    }
    let tensors = ["src", "wei", "dst"].compactMap { name in
      all.first { $0.tensor == name }
    }
    guard tensors.count == 3 else { throw .damaged }
    return tensors
  }

  /// The one type of all: this package has no mixed ones.
  static func commonType(
    _ tensors: [VerboseMemory]
  ) throws(VerboseLineError) -> ScalarType {
    let types = tensors.map(\.type)
    guard Set(types).count == 1, let type = ScalarType(rawValue: types[0])
    else { throw .types(types) }
    return type
  }

  /// The layout of the images, if they have the same and it is plain.
  static func layout(_ tensors: [VerboseMemory]) -> DataFormat? {
    let orders = Set(tensors.filter { $0.tensor != "wei" }.map(\.order))
    return switch orders {
    case ["acdb"], ["acb"], ["nhwc"], ["nwc"]: .nhwc
    case ["abcd"], ["abc"], ["nchw"], ["ncw"]: .nchw
    default: nil
    }
  }
}
