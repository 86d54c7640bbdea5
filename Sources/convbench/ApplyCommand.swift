import ArgumentParser
import Convolutions

struct ApplyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Computes the gradient from and to NumPy's .npy files.",
    discussion: """
      The files hold <f2, <f4 or <f8, or bfloat16 as <u2 or <V2 with --dtype \
      bfloat16, in C order. The result has the filter's type. If anything is \
      wrong, nothing is written.
      """)

  @Option(help: "Sizes of the result: 4 in data-format order, or H,W.")
  var inputSizes: CommaList<Int>

  @Option(
    help: ArgumentHelp(
      "[kh, kw, Cin / groups, Cout].", valueName: "file.npy"))
  var filter: String?

  @Option(
    help: ArgumentHelp("The same as --filter.", valueName: "file.npy"))
  var filters: String?

  @Option(
    help: ArgumentHelp(
      "The gradient of the output.", valueName: "file.npy"))
  var outBackprop: String

  @Option(
    help: ArgumentHelp("Where to put the result.", valueName: "file.npy"))
  var output: String

  @Option(help: "Strides, 4 in data-format order.")
  var strides = CommaList([1, 1, 1, 1])

  @Option(
    help: """
      SAME, VALID, or 8 numbers: before and after for each of the 4 \
      dimensions.
      """)
  var padding: PaddingArgument

  @Option(help: "Order of the dimensions.")
  var dataFormat = DataFormat.nhwc

  @Option(help: "Dilations, 4 in data-format order; 1 is a dense kernel.")
  var dilations = CommaList([1, 1, 1, 1])

  @Option(
    name: .customLong("dtype"),
    help: "The type of the files; needed for bfloat16 only.")
  var type: ScalarType?

  @Option(help: "Algorithm.")
  var algorithm = InputGradientAlgorithm.automatic

  @Option(help: "Error allowed.")
  var accuracy = Accuracy.standard

  @Option(help: "Threads.")
  var threads = InputGradientOptions.availableProcessors

  func validate() throws {
    guard filter == nil || filters == nil else {
      throw ValidationError(
        "'--filter' and '--filters' are the same; give one of them.")
    }
    guard filter != nil || filters != nil else {
      throw ValidationError("'--filter' is missing.")
    }
    guard [2, 4].contains(inputSizes.values.count) else {
      throw ValidationError("'--input-sizes' takes 2 or 4 numbers.")
    }
    for (name, list) in [("strides", strides), ("dilations", dilations)]
    where list.values.count != 4 {
      throw ValidationError("'--\(name)' takes 4 numbers.")
    }
    try checkThreads([threads])
  }

  func run() throws {
    let filterPath = filter ?? filters!
    do {
      let filter = try NumPyFile(path: filterPath)
      let outBackprop = try NumPyFile(path: outBackprop)
      let filterType = try filter.scalarType(declared: type)
      let outBackpropType = try outBackprop.scalarType(declared: type)
      guard filterType == outBackpropType else {
        throw NumPyError(
          path: self.outBackprop,
          reason: "its type is \(outBackprop.typeDescriptor), that of "
            + "\(filterPath) is \(filter.typeDescriptor); they must be the "
            + "same")
      }
      switch filterType {
      case .float16: try apply(Float16.self, filter, outBackprop)
      case .bfloat16: try apply(BFloat16.self, filter, outBackprop)
      case .float32: try apply(Float.self, filter, outBackprop)
      case .float64: try apply(Double.self, filter, outBackprop)
      }
    } catch let error as NumPyError {
      throw Failure.failed("\(error)")
    } catch let error as Conv2DError {
      throw Failure.failed(
        "filter \(filterPath), out_backprop \(outBackprop): \(error)")
    }
  }

  private func apply<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ filter: NumPyFile, _ outBackprop: NumPyFile
  ) throws {
    let result = try conv2DBackpropInput(
      inputSizes: inputSizes.values,
      filter: Tensor(shape: filter.shape, scalars: filter.scalars(type)),
      outBackprop: Tensor(
        shape: outBackprop.shape, scalars: outBackprop.scalars(type)),
      strides: strides.values, padding: padding.padding,
      dataFormat: dataFormat, dilations: dilations.values,
      options: .init(
        algorithm: algorithm, accuracy: accuracy, threads: threads))
    try NumPyFile.write(
      result, typeDescriptor: filter.typeDescriptor, path: output)
  }
}
