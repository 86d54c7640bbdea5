import CConvolutions
import Convolutions

/// What a function of the interface answers, and why.
struct Failure: Error {
  let status: conv_status
  let message: String

  init(_ status: Int, _ message: String) {
    self.status = conv_status(status)
    self.message = message
  }

  init(_ error: Conv2DError) {
    self.init(Self.status(error), "\(error)")
  }

  private static func status(_ error: Conv2DError) -> Int {
    switch error {
    case .rank: CONV_ERROR_RANK
    case .length: CONV_ERROR_LENGTH
    case .negativeSize, .negativePadding: CONV_ERROR_NEGATIVE
    case .emptyFilter: CONV_ERROR_EMPTY_FILTER
    case .notPositive: CONV_ERROR_POSITIVE
    case .batchOrDepthEntry: CONV_ERROR_BATCH_OR_DEPTH
    case .tooLarge: CONV_ERROR_TOO_LARGE
    case .batch: CONV_ERROR_BATCH
    case .outDepth, .inDepth: CONV_ERROR_DEPTH
    case .groups: CONV_ERROR_GROUPS
    case .outBackpropSize: CONV_ERROR_OUTPUT_SIZE
    case .windowTooLarge: CONV_ERROR_WINDOW
    // Of `Tensor`, which the interface does not use.
    case .elementCount: CONV_ERROR_LENGTH
    case .threads: CONV_ERROR_THREADS
    case .workspaceLimit: CONV_ERROR_WORKSPACE_LIMIT
    case .unsupported, .inaccurate: CONV_ERROR_UNSUPPORTED
    case .outOfMemory: CONV_ERROR_MEMORY
    }
  }

  static func null(_ name: String) -> Self {
    Self(CONV_ERROR_NULL, "\(name) is NULL")
  }
}

/// Where a caller wants to read what is wrong.
struct Message {
  let text: UnsafeMutablePointer<CChar>?
  let capacity: Int

  /// Runs a function's body; what it throws becomes the answer.
  func status(_ body: () throws(Failure) -> Void) -> conv_status {
    do throws(Failure) {
      try body()
      return conv_status(CONV_OK)
    } catch {
      _ = write(error.message)
      return error.status
    }
  }

  /// As `snprintf`.
  ///
  /// - Returns: bytes of the whole text, without the ending zero.
  func write(_ string: String) -> Int {
    var string = string
    return string.withUTF8 { bytes in
      if let text, capacity > 0 {
        let count = min(bytes.count, capacity - 1)
        for index in 0..<count { text[index] = CChar(bitPattern: bytes[index]) }
        text[count] = 0
      }
      return bytes.count
    }
  }
}

/// Checks that a pointer is one.
func required<Pointer>(
  _ pointer: Pointer?, _ name: String
) throws(Failure) -> Pointer {
  guard let pointer else { throw .null(name) }
  return pointer
}

/// Runs what the library may refuse.
func checked<Value>(
  _ body: () throws(Conv2DError) -> Value
) throws(Failure) -> Value {
  do throws(Conv2DError) {
    return try body()
  } catch {
    throw Failure(error)
  }
}
