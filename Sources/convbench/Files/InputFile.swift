import Foundation

/// Where an option such as `--filter` takes its bytes from: a file, or a
/// stream: an open file of the process (`-`, `/dev/fd/63`), a FIFO, a device.
///
/// A stream is read once, from front to back, and does not say how long it is.
struct InputFile {
  let path: String
  /// The open file that the path names, if it names one.
  private let descriptor: Int32?

  init(path: String) {
    self.path = path
    descriptor = OpenFile.descriptor(named: path, standard: STDIN_FILENO)
  }

  private var status: stat? {
    descriptor.map { stat(file: $0) } ?? stat(path: path)
  }

  private var hasSize: Bool {
    [S_IFREG, S_IFDIR].contains(status?.kind ?? S_IFREG)
  }

  var isStream: Bool { descriptor != nil || !hasSize }

  /// Whether both read the same stream, each the bytes that the other does not.
  func isSameStream(as other: InputFile) -> Bool {
    if let descriptor, descriptor == other.descriptor { return true }
    guard let status, let others = other.status, !hasSize else { return false }
    return status.isSameFile(as: others)
  }

  /// Why it cannot be read, without its name.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// All of it.
  func data() throws(Fault) -> Data {
    guard isStream else {
      do {
        return try Data(
          contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
      } catch {
        throw Fault(description: "it cannot be read")
      }
    }
    var data = Data()
    let stream = try Reader(self)
    while try stream.read(.max, onto: &data) {}
    return data
  }

  /// All that a file or a stream holds.
  static func contents(_ path: String) throws(Failure) -> Data {
    do {
      return try InputFile(path: path).data()
    } catch {
      throw Failure.failed("cannot read \(path): \(error)")
    }
  }

  /// Reads a stream.
  final class Reader {
    private let file: Int32
    private let isOurs: Bool

    /// Waits until somebody writes to a FIFO.
    init(_ input: InputFile) throws(Fault) {
      isOurs = input.descriptor == nil
      file =
        input.descriptor
        ?? open(input.path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
      guard file >= 0 else { throw unreadable }
    }

    deinit {
      if isOurs, file >= 0 { close(file) }
    }

    private var unreadable: Fault {
      Fault(description: "it cannot be read: \(systemMessage())")
    }

    /// Reads some more bytes, up to a number.
    ///
    /// - Returns: whether there may be more.
    func read(_ most: Int, onto data: inout Data) throws(Fault) -> Bool {
      var chunk = [UInt8](repeating: 0, count: min(most, 1 << 20))
      while true {
        let count = readSome(file, &chunk)
        if count < 0 {
          guard OpenFile.isPassing(errno, file, Int32(POLLIN)) else {
            throw unreadable
          }
          continue
        }
        data.append(contentsOf: chunk.prefix(count))
        return count > 0
      }
    }
  }
}

private func readSome(_ file: Int32, _ chunk: inout [UInt8]) -> Int {
  chunk.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
}
