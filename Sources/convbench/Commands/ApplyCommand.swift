import ArgumentParser
import ConvolutionTestSupport
import Convolutions
import Foundation

struct ApplyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Computes an operation from and to NumPy's .npy files.",
    discussion: """
      input-gradient takes --input-sizes, --filter and --out-backprop; forward \
      --input and --filter; filter-gradient --input, --filter-sizes and \
      --out-backprop.

      The files hold <f2, <f4 or <f8, or bfloat16 as <u2 or <V2 with --dtype \
      bfloat16, in C order. The result has the operands' type. If anything is \
      wrong, nothing is written. - is standard input, for one operand, and \
      standard output; FIFOs and /dev/fd/N are read and written too.

      With --shard I/N, or started N times by mpirun or srun, it computes its \
      share of the images alone and puts it to its place in one file, which all \
      N share. Until all are in, the file is called file.npy.partial; a shard \
      that failed can be run again. The bits are those of one run.
      """)

  @Option(name: .customLong("op"), help: "Operation.")
  var operation = ConvolutionOperation.inputGradient

  @Option(
    help: "Sizes of the input gradient: 4 in data-format order, or H,W.")
  var inputSizes: CommaList<Int>?

  @Option(help: "Sizes of the filter gradient: kh,kw,Cin/groups,Cout.")
  var filterSizes: CommaList<Int>?

  @Option(help: ArgumentHelp("The input.", valueName: "file.npy"))
  var input: String?

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
  var outBackprop: String?

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
  var algorithm = ConvolutionAlgorithm.automatic

  @Option(help: "Who computes the products of column and winograd.")
  var products = ProductProvider.automatic

  @Option(help: "Error allowed.")
  var accuracy = Accuracy.standard

  @Option(help: "Threads.")
  var threads = ConvolutionOptions.availableProcessors

  @Option(
    help: ArgumentHelp(
      """
      The share of the images, from 0/N to N-1/N; by default that of the \
      launcher (Open MPI, Slurm, PMI). 0/1 is all of them.
      """, valueName: "i/n"))
  var shard: Shard?

  /// The share to compute.
  var share: Shard {
    shard ?? Shard(launchedIn: ProcessInfo.processInfo.environment) ?? .whole
  }

  func validate() throws {
    guard share.isValid else {
      throw ValidationError(
        "There is no shard \(share): the first is 0, the last one less than "
          + "their number.")
    }
    guard share.count == 1 || operation != .filterGradient else {
      throw ValidationError(
        "A filter gradient sums over the images: it has no shards.")
    }
    guard filter == nil || filters == nil else {
      throw ValidationError(
        "'--filter' and '--filters' are the same; give one of them.")
    }
    let given: [Conv2DError.TensorName: Bool] = [
      .filter: filterPath != nil, .outBackprop: outBackprop != nil,
      .input: input != nil,
    ]
    for (tensor, isGiven) in given {
      let option = tensor.rawValue.replacing("_", with: "-")
      guard isGiven || !operation.operands.contains(tensor) else {
        throw ValidationError("'--\(option)' is missing.")
      }
      guard !isGiven || operation.operands.contains(tensor) else {
        throw ValidationError(
          "'--\(option)' is no operand of \(operation.rawValue).")
      }
    }
    try check(
      inputSizes, "input-sizes", of: .inputGradient, counts: [2, 4],
      "2 or 4 numbers")
    try check(
      filterSizes, "filter-sizes", of: .filterGradient, counts: [4],
      "4 numbers")
    for (name, list) in [("strides", strides), ("dilations", dilations)]
    where list.values.count != 4 {
      throw ValidationError("'--\(name)' takes 4 numbers.")
    }
    try checkThreads([threads])
    let inputs = operation.operands.map { InputFile(path: path($0)) }
    guard !inputs[0].isSameStream(as: inputs[1]) else {
      throw ValidationError(
        "Both operands come from \(inputs[0].path), which can be read only "
          + "once.")
    }
  }

  /// Checks sizes that the operation `owner` needs and no other takes.
  private func check(
    _ sizes: CommaList<Int>?, _ option: String, of owner: ConvolutionOperation,
    counts: [Int], _ words: String
  ) throws {
    guard operation == owner else {
      guard sizes == nil else {
        throw ValidationError(
          "'--\(option)' goes with \(owner.rawValue) only.")
      }
      return
    }
    guard let sizes else { throw ValidationError("'--\(option)' is missing.") }
    guard counts.contains(sizes.values.count) else {
      throw ValidationError("'--\(option)' takes \(words).")
    }
  }

  private var filterPath: String? { filter ?? filters }

  func path(_ tensor: Conv2DError.TensorName) -> String {
    switch tensor {
    case .filter: filterPath!
    case .input: input!
    case .outBackprop, .tensor: outBackprop!
    }
  }

  func run() throws {
    let operands = operation.operands
    let (firstPath, secondPath) = (path(operands[0]), path(operands[1]))
    let target = try share.count > 1 ? nil : OutputFile(path: output)
    if target == nil { try checkFilesOfShards() }
    do {
      let first = try NumPyFile(path: firstPath)
      let second = try NumPyFile(path: secondPath)
      let firstType = try first.scalarType(declared: type)
      guard try second.scalarType(declared: type) == firstType else {
        throw NumPyError(
          path: secondPath,
          reason: "its type is \(second.typeDescriptor), that of "
            + "\(firstPath) is \(first.typeDescriptor); they must be the "
            + "same")
      }
      try apply(firstType.testType, first, second, to: target)
    } catch let error as NumPyError {
      throw Failure.failed("\(error)")
    } catch let error as Conv2DError {
      throw Failure.failed(
        "\(operands[0].rawValue) \(firstPath), "
          + "\(operands[1].rawValue) \(secondPath): \(error)")
    }
  }

  /// - Parameter target: where the whole result goes; `nil` for a shard.
  private func apply<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ firstFile: NumPyFile, _ secondFile: NumPyFile,
    to target: OutputFile?
  ) throws {
    let whole = try geometry(firstFile.shape, secondFile.shape)
    var options = ConvolutionOptions(
      algorithm: algorithm, accuracy: accuracy, threads: threads,
      products: products)
    // Chosen for the whole batch, also by a shard: otherwise its bits could
    // differ from those of one run.
    options.algorithm = try operation.plan(type, whole, options: options)
      .algorithm
    guard let target else {
      return try applyShard(type, whole, firstFile, secondFile, options)
    }
    let result = try compute(
      type, whole, firstFile, secondFile, images: nil, options)
    try target.write(
      result, shape: whole.sizes(of: operation.result),
      typeDescriptor: firstFile.typeDescriptor)
  }

  private func geometry(
    _ first: [Int], _ second: [Int]
  ) throws(Conv2DError) -> Conv2DGeometry {
    switch operation {
    case .inputGradient:
      try Conv2DGeometry(
        inputSizes: inputSizes!.values, filterSizes: first,
        outBackpropSizes: second, strides: strides.values,
        padding: padding.padding, dataFormat: dataFormat,
        dilations: dilations.values)
    case .forward:
      try Conv2DGeometry(
        inputSizes: second, filterSizes: first, strides: strides.values,
        padding: padding.padding, dataFormat: dataFormat,
        dilations: dilations.values)
    case .filterGradient:
      try Conv2DGeometry(
        inputSizes: first, filterSizes: filterSizes!.values,
        outBackpropSizes: second, strides: strides.values,
        padding: padding.padding, dataFormat: dataFormat,
        dilations: dilations.values)
    }
  }

  /// - Parameter images: those of the second operand to take; all if `nil`.
  func compute<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ geometry: Conv2DGeometry, _ firstFile: NumPyFile,
    _ secondFile: NumPyFile, images: Range<Int>?, _ options: ConvolutionOptions
  ) throws -> [Scalar] {
    let plan = try operation.plan(type, geometry, options: options)
    let count = geometry.count(of: operation.result)
    try checkMemory(
      count * MemoryLayout<Scalar>.stride + plan.workspaceByteCount
        + plan.preparedFilterByteCount)
    let first = firstFile.scalars(type, images: nil)
    let second = secondFile.scalars(type, images: images)
    let prepared = plan.prepared(first.span)
    var workspace = plan.makeWorkspace()
    return [Scalar](unsafeUninitializedCapacity: count) { result, filled in
      var span = MutableSpan(_unsafeElements: result)
      plan.execute(
        first.span, prepared: prepared, second.span, into: &span,
        workspace: &workspace)
      filled = count
    }
  }
}
