import ConvolutionTestSupport
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A .npy file that several processes fill, each with the images of its shard,
/// in any order and on any machine that sees the file.
///
/// Until every shard is in, it lies at `PATH.partial`, behind its numbers what
/// the run is and a mark a shard, and begins with bytes that no .npy file
/// begins with. The last one to come takes those away and gives it its name: a
/// file at `PATH` is whole. A process that ends early leaves no mark, and can
/// be run again.
///
/// `PATH` is the end of all links; what has the name already keeps its mode.
///
/// Numbers are written without a lock, marks under a record lock of the file,
/// which NFS has too.
final class SharedResult {
  private let path: String
  /// What has the name already.
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
  ///   - run: all that tells this run from others, in lines.
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

  /// Opens and locks the file that has the name, not one that lost it while
  /// this process waited for the lock.
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
      var (ours, named) = (stat(), stat())
      if fstat(file, &ours) == 0, stat(path, &named) == 0,
        ours.st_ino == named.st_ino, ours.st_dev == named.st_dev
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
    // The header comes last: without it the file is begun anew.
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
    // Cut in the end, before it got its name.
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

  /// Puts numbers to their place, which is no other process's.
  func write(
    _ numbers: UnsafeRawBufferPointer, at offset: Int
  ) throws(NumPyError) {
    try write(Data(numbers), at: header.count + offset)
  }

  /// Marks a shard's images as there, and ends the file if they are the last.
  ///
  /// - Returns: shards that are missing still.
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
      path: path, reason: "\(reason): \(String(cString: strerror(errno)))")
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

  /// Fewer bytes where the file ends.
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
