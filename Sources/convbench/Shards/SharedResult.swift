import ConvolutionTestSupport
import Foundation

/// A .npy file that several processes fill, each with the images of its shard,
/// in any order and on any machine that sees the file.
///
/// Until every shard is in, the file is called `PATH.partial`. It begins with
/// bytes that no .npy file begins with, and behind the numbers there is a
/// description of the run and a mark for each shard. The process that finds all
/// marks set writes the true beginning, cuts off what is behind the numbers and
/// renames the file, so that a file at `PATH` is whole. A process that ends
/// early sets no mark: its shard can be run again.
///
/// `PATH` is where all links lead. The new file gets the mode of one that has
/// the name already.
///
/// Numbers are written without a lock, marks under a record lock of the file,
/// which NFS has too.
final class SharedResult {
  private let path: String
  /// The file that has the name already.
  private let old: stat?
  private let header: Data
  private let byteCount: Int
  private let run: Data
  private let shards: Int
  private let file: Int32

  private var partialPath: String { path + ".partial" }
  private var marksOffset: Int { header.count + byteCount + run.count }

  private static let missing = UInt8(ascii: "-")
  private static let present = UInt8(ascii: "+")

  /// Opens the file, which the first process makes.
  ///
  /// - Parameters:
  ///   - header: of the whole .npy file.
  ///   - byteCount: of its numbers.
  ///   - run: what must be the same for all shards, in lines.
  init(
    path: String, header: Data, byteCount: Int, run: String, shards: Int
  ) throws {
    (self.path, old) = try OutputFile.shared(path)
    self.header = header
    self.byteCount = byteCount
    self.run = Data("\n\(run)\n".utf8)
    self.shards = shards
    file = try Self.lockedFile(
      self.path + ".partial", mode: old == nil ? 0o666 : 0o600)
    try initialize()
  }

  deinit {
    close(file)
  }

  /// Opens and locks the file that has the name. While this process waits for
  /// the lock, another may rename the file; then it opens the next.
  private static func lockedFile(
    _ path: String, mode: mode_t
  ) throws(NumPyError) -> Int32 {
    while true {
      let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode)
      guard file >= 0 else { throw fault(path, "it cannot be opened") }
      do throws(NumPyError) {
        try lock(file, F_WRLCK, path)
      } catch {
        close(file)
        throw error
      }
      if let named = stat(path: path),
        stat(file: file)?.isSameFile(as: named) == true
      {
        return file
      }
      close(file)
    }
  }

  private func initialize() throws(NumPyError) {
    defer { try? Self.lock(file, F_UNLCK, partialPath) }
    let size = lseek(file, 0, SEEK_END)
    let begin = try read(1, at: 0)
    guard size == 0 || begin.first == 0 else { return try checkRun(size) }
    // The header comes last: a file without it is not begun, and is made anew.
    guard ftruncate(file, 0) == 0, ftruncate(file, off_t(marksOffset)) == 0
    else { throw Self.fault(partialPath, "there is no room for it") }
    try write(run, at: header.count + byteCount)
    try write(Data(repeating: Self.missing, count: shards), at: marksOffset)
    try write(
      Data(NumPyFile.partialMagic)
        + header.dropFirst(NumPyFile.partialMagic.count),
      at: 0)
  }

  /// Checks that the file is of this run.
  private func checkRun(_ size: off_t) throws(NumPyError) {
    let magic = NumPyFile.partialMagic.count
    let found = try read(header.count, at: 0)
    guard found.dropFirst(magic) == header.dropFirst(magic) else {
      throw NumPyError(
        path: partialPath,
        reason: "it is of another shape or type; remove it to begin anew")
    }
    // A process ended just before it renamed the file.
    if try isWhole() { return }
    guard size == off_t(marksOffset + shards),
      try read(run.count, at: header.count + byteCount) == run
    else {
      throw NumPyError(
        path: partialPath,
        reason: "it is of another run, on other files, with other options or "
          + "another number of shards; remove it to begin anew")
    }
  }

  private func isWhole() throws(NumPyError) -> Bool {
    try read(header.count, at: 0) == header
  }

  /// Whether a shard's images are there.
  func contains(_ shard: Shard) throws(NumPyError) -> Bool {
    if try isWhole() { return true }
    return try read(1, at: marksOffset + shard.index).first == Self.present
  }

  /// Writes numbers to their place, where no other process writes.
  func write(
    _ numbers: UnsafeRawBufferPointer, at offset: Int
  ) throws(NumPyError) {
    try write(Data(numbers), at: header.count + offset)
  }

  /// Sets a shard's mark, and completes the file if all are set.
  ///
  /// - Returns: how many shards are missing still.
  func finish(_ shard: Shard) throws(NumPyError) -> Int {
    // The mark must not be on the disk before what it stands for.
    guard fsync(file) == 0 else {
      throw Self.fault(partialPath, Self.unwritten)
    }
    try Self.lock(file, F_WRLCK, partialPath)
    if try !isWhole() {
      try write(Data([Self.present]), at: marksOffset + shard.index)
      let missing = try read(shards, at: marksOffset)
        .count { $0 != Self.present }
      guard missing == 0 else { return missing }
      try write(header, at: 0)
    }
    if let old { OutputFile.adopt(old, file) }
    guard ftruncate(file, off_t(header.count + byteCount)) == 0,
      fsync(file) == 0, rename(partialPath, path) == 0
    else { throw Self.fault(path, Self.unwritten) }
    return 0
  }
}

// MARK: - Bytes

extension SharedResult {
  private static let unwritten = "it cannot be written"

  private static func fault(_ path: String, _ reason: String) -> NumPyError {
    NumPyError(
      path: path, reason: "\(reason): \(systemMessage())")
  }

  private static func lock(
    _ file: Int32, _ kind: some BinaryInteger, _ path: String
  ) throws(NumPyError) {
    var range = flock()
    range.l_type = .init(kind)
    range.l_whence = .init(SEEK_SET)
    while fcntl(file, F_SETLKW, &range) != 0 {
      guard errno == EINTR else { throw fault(path, "it cannot be locked") }
    }
  }

  /// Reads up to `count` bytes, fewer where the file ends.
  private func read(_ count: Int, at offset: Int) throws(NumPyError) -> Data {
    var data = Data(count: count)
    var done = 0
    while done < count {
      let part = data.withUnsafeMutableBytes {
        pread(file, $0.baseAddress! + done, count - done, off_t(offset + done))
      }
      if part < 0, errno == EINTR { continue }
      guard part >= 0 else {
        throw Self.fault(partialPath, "it cannot be read")
      }
      if part == 0 { break }
      done += part
    }
    return data.prefix(done)
  }

  private func write(_ data: Data, at offset: Int) throws(NumPyError) {
    var done = 0
    while done < data.count {
      let part = data.withUnsafeBytes {
        pwrite(
          file, $0.baseAddress! + done, data.count - done,
          off_t(offset + done))
      }
      if part < 0, errno == EINTR { continue }
      guard part > 0 else { throw Self.fault(partialPath, Self.unwritten) }
      done += part
    }
  }
}
