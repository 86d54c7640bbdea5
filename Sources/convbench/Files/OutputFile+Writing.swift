import Foundation

extension OutputFile {
  /// Writes all of it.
  ///
  /// Whatever fails and whichever signal comes, a file that is replaced is either
  /// the whole new one or the old one, and the temporary file is removed. A file
  /// that is written in place stays as it was where there is no room.
  func write(_ bytes: Data) throws {
    try bytes.withUnsafeBytes { try write([$0]) }
  }

  /// Writes a header and what comes after it.
  func write(_ header: Data, _ bytes: UnsafeRawBufferPointer) throws {
    try header.withUnsafeBytes { try write([$0, bytes]) }
  }

  private func write(_ parts: [UnsafeRawBufferPointer]) throws(Failure) {
    if let descriptor { return try stream(parts, to: descriptor) }
    // What stands at the path may have changed since the initializer looked.
    switch try Self.place(path) {
    case .stream:
      let file = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
      guard file >= 0 else { throw Self.unwritable(path) }
      defer { close(file) }
      try stream(parts, to: file)
    case .inPlace:
      try overwrite(parts)
    case .replaced(let target, let old):
      try replace(target, old, parts)
    }
  }

  private func stream(
    _ parts: [UnsafeRawBufferPointer], to file: Int32
  ) throws(Failure) {
    // Without its signal, a reader that went away is an error like any other.
    let action = signal(SIGPIPE, SIG_IGN)
    defer { signal(SIGPIPE, action) }
    try fill(file, parts)
  }

  private func overwrite(_ parts: [UnsafeRawBufferPointer]) throws(Failure) {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { throw Self.unwritable(path) }
    defer { close(file) }
    guard let old = stat(file: file) else { throw Self.unwritable(path) }
    let size = off_t(parts.map(\.count).reduce(0, +))
    try HeldSignals.during { () throws(Failure) in
      let failed = size == 0 ? 0 : reserve(file, size)
      guard failed == 0 else {
        // Gives back what was reserved.
        ftruncate(file, old.st_size)
        throw Self.unwritable(path, code: failed)
      }
      try fill(file, parts)
      guard ftruncate(file, size) == 0, isOnDisk(file) else {
        throw Self.unwritable(path)
      }
    }
  }

  private func replace(
    _ target: String, _ old: stat?, _ parts: [UnsafeRawBufferPointer]
  ) throws(Failure) {
    var isFixed = false
    try HeldSignals.during { () throws(Failure) in
      let (file, temporary) = try temporaryFile(
        Self.folder(of: target), mode: old == nil ? 0o666 : 0o600)
      var isDone = false
      defer {
        close(file)
        if !isDone { unlink(temporary) }
      }
      try fill(file, parts, untilSignal: true)
      if let old { Self.adopt(old, file) }
      guard isOnDisk(file) else { throw Self.unwritable(path) }
      isDone = rename(temporary, target) == 0
      // The file cannot be replaced where it is a mount of its own, as in
      // containers, or another user's in a folder for everybody, such as /tmp.
      isFixed =
        !isDone && old != nil && [EBUSY, EPERM, EACCES].contains(errno)
      guard isDone || isFixed else { throw Self.unwritable(path) }
    }
    if isFixed { try overwrite(parts) }
  }

  /// A new file with a name that nobody has.
  private func temporaryFile(
    _ folder: String, mode: mode_t
  ) throws(Failure) -> (Int32, String) {
    while true {
      let name = String(UInt64.random(in: 0...UInt64.max), radix: 36)
      let temporary = "\(folder)/.convbench-\(name)"
      let file = open(
        temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
      if file >= 0 { return (file, temporary) }
      guard errno == EEXIST else { throw Self.unwritable(path) }
    }
  }

  /// Gives a file the owner, where that is allowed, and the mode of another.
  static func adopt(_ old: stat, _ file: Int32) {
    let isOwned = fchown(file, old.st_uid, old.st_gid) == 0
    // Another owner's programs must not become this one's.
    fchmod(file, old.st_mode & (isOwned ? 0o7777 : 0o777))
  }

  private func isOnDisk(_ file: Int32) -> Bool {
    // The errors of file systems that have no such call.
    fsync(file) == 0 || errno == EINVAL || errno == ENOTSUP
  }

  /// - Parameter untilSignal: whether to fail when a held signal has arrived.
  private func fill(
    _ file: Int32, _ parts: [UnsafeRawBufferPointer], untilSignal: Bool = false
  ) throws(Failure) {
    for part in parts {
      var rest = part[...]
      while !rest.isEmpty {
        if untilSignal, HeldSignals.hasArrived {
          throw Self.unwritable(path, code: EINTR)
        }
        let count = writeSome(file, rest)
        if count < 0 {
          guard OpenFile.isPassing(errno, file, Int32(POLLOUT)) else {
            throw Self.unwritable(path)
          }
          continue
        }
        rest = rest.dropFirst(count)
      }
    }
  }
}

/// Writes at most 8 MiB, so that a held signal does not wait long.
private func writeSome(
  _ file: Int32, _ bytes: Slice<UnsafeRawBufferPointer>
) -> Int {
  let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(8 << 20))
  return write(file, part.baseAddress, part.count)
}

/// - Returns: 0, or why there is no room for a file of `size` bytes.
private func reserve(_ file: Int32, _ size: off_t) -> Int32 {
  #if canImport(Darwin)
    var wanted = fstore_t(
      fst_flags: UInt32(F_ALLOCATEALL), fst_posmode: F_PEOFPOSMODE,
      fst_offset: 0, fst_length: size, fst_bytesalloc: 0)
    return fcntl(file, F_PREALLOCATE, &wanted) == -1 ? errno : 0
  #else
    return posix_fallocate(file, 0, size)
  #endif
}
