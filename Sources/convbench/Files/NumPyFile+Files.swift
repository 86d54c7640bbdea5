import ConvolutionTestSupport
import Convolutions
import Foundation

// MARK: - Reading

extension NumPyFile {
  /// Reads a file, or a stream to its end.
  init(path: String) throws(NumPyError) {
    let input = InputFile(path: path)
    do {
      self =
        input.isStream
        ? try Self.read(InputFile.Reader(input), path)
        : try NumPyFile(path: path, data: input.data())
    } catch let error as NumPyError {
      throw error
    } catch {
      throw NumPyError(path: path, reason: "\(error)")
    }
  }

  /// Reads as many bytes as the header asks for; more of them are an error.
  private static func read(
    _ reader: InputFile.Reader, _ path: String
  ) throws -> NumPyFile {
    var data = Data()
    // As many as the shortest file has.
    var missing = 10
    while true {
      let end = data.count + min(missing, Int.max / 2)
      try checkMemory(end)
      data.reserveCapacity(end)
      while data.count < end, try reader.read(end - data.count, onto: &data) {}
      do {
        let file = try NumPyFile(path: path, data: data)
        guard try !reader.read(1, onto: &data) else {
          throw NumPyError(
            path: path,
            reason: "it is oversized: more follows than shape \(file.shape) "
              + "of \(file.typeDescriptor) needs")
        }
        return file
      } catch let error as NumPyError {
        guard let more = error.missing, data.count == end else { throw error }
        missing = more
      }
    }
  }

  /// Size and date, which tell the file from others and from later versions.
  var identity: String {
    get throws(NumPyError) {
      do {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let date = attributes[.modificationDate] as? Date ?? .distantPast
        return "\(attributes[.size] ?? 0) bytes of "
          + "\(date.timeIntervalSinceReferenceDate)"
      } catch {
        throw NumPyError(path: path, reason: "it cannot be read")
      }
    }
  }
}

// MARK: - Writing

extension OutputFile {
  /// Writes an array as a .npy file of version 1.0.
  func write<Scalar: ConvolutionScalar>(
    _ scalars: [Scalar], shape: [Int], typeDescriptor: String
  ) throws {
    let header = NumPyFile.encodedHeader(
      typeDescriptor: typeDescriptor, shape: shape)
    try scalars.withUnsafeBytes { try write(header, $0) }
  }
}
