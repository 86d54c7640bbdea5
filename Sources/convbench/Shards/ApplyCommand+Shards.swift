import ConvolutionTestSupport
import Convolutions

extension ApplyCommand {
  /// - Throws: `Failure` unless all processes can read and write what is named.
  func checkFilesOfShards() throws {
    _ = try OutputFile.shared(output)
    for operand in operation.operands.map(path)
    where InputFile(path: operand).isStream {
      throw Failure.failed(
        "\(operand): a sharded run reads files, not what can be read only once")
    }
  }

  /// Computes the images of the shard and puts them into the file that all
  /// shards share.
  ///
  /// - Parameters:
  ///   - whole: the problem of the whole batch.
  ///   - options: with the algorithm that the whole batch takes.
  func applyShard<Scalar: ConvolutionScalar>(
    _ type: Scalar.Type, _ whole: Conv2DGeometry, _ firstFile: NumPyFile,
    _ secondFile: NumPyFile, _ options: ConvolutionOptions
  ) throws {
    let share = share
    let shape = whole.sizes(of: operation.result)
    let byteCount = shape.reduce(1, *) * MemoryLayout<Scalar>.stride
    let file = try SharedResult(
      path: output,
      header: NumPyFile.encodedHeader(
        typeDescriptor: firstFile.typeDescriptor, shape: shape),
      byteCount: byteCount,
      run: """
        \(operation.rawValue) \(whole.descriptor) \(whole.dataFormat.rawValue) \
        pads \(whole.padBottom),\(whole.padRight) \(options.algorithm.rawValue) \
        \(products.rawValue) \(accuracy.rawValue), \(share.count) shards
        \(try firstFile.identity)
        \(try secondFile.identity)
        """,
      shards: share.count)
    let images = share.images(of: whole.batch)
    if try !file.contains(share), !images.isEmpty {
      let result = try compute(
        type, whole.withBatch(images.count), firstFile, secondFile,
        images: images, options)
      try result.withUnsafeBytes { bytes in
        try file.write(bytes, at: byteCount / whole.batch * images.lowerBound)
      }
    }
    let missing = try file.finish(share)
    printError(
      "convbench: shard \(share), images \(images), is in; "
        + (missing == 0 ? "\(output) is whole" : "\(missing) are missing"))
  }
}
