import Foundation

/// Where an option such as `--output` puts its bytes. What stands at the path
/// decides how, and stays the kind of thing that it is:
///
/// - A file with one name, or none yet: a temporary file beside it, of the same
///   mode, is written whole and takes its place. Symbolic links are followed.
/// - A file with several names (hard links), or in a folder that cannot be
///   written to: it is written in place, after the room for it is reserved.
/// - An open file of the process (`-`, `/dev/stdout`, `/dev/fd/3`), a FIFO, a
///   character device: the bytes are streamed to it.
///
/// The initializer refuses anything else, before anything is computed.
final class OutputFile {
  let path: String
  /// A copy of the open file that the path names.
  let descriptor: Int32?

  /// - Throws: `Failure` for what cannot be written to.
  init(path: String) throws(Failure) {
    self.path = path
    guard let named = OpenFile.descriptor(named: path, standard: STDOUT_FILENO)
    else {
      descriptor = nil
      _ = try Self.place(path)
      return
    }
    let flags = fcntl(named, F_GETFL)
    guard flags < 0 || flags & O_ACCMODE != O_RDONLY else {
      throw Self.unwritable(path, "it is open for reading alone")
    }
    let copy = fcntl(named, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
    guard copy >= 0 else { throw Self.unwritable(path) }
    descriptor = copy
    if named == STDOUT_FILENO {
      // From now on what is printed goes to standard error, lest it get
      // between the bytes.
      fflush(nil)
      dup2(STDERR_FILENO, STDOUT_FILENO)
    }
  }

  deinit {
    if let descriptor { close(descriptor) }
  }

  /// Whether a path names standard output.
  static func isStandardOutput(_ path: String) -> Bool {
    OpenFile.descriptor(named: path, standard: STDOUT_FILENO) == STDOUT_FILENO
  }
}

// MARK: - What stands at a path

extension OutputFile {
  enum Place {
    /// Opened and written from front to back.
    case stream
    case inPlace
    /// The path at the end of all links, and the file that is there now.
    case replaced(path: String, old: stat?)
  }

  /// How to write to a path.
  static func place(_ path: String) throws(Failure) -> Place {
    guard let status = stat(path: path) else {
      guard errno == ENOENT, !path.isEmpty else { throw unwritable(path) }
      return try placeOfNewFile(path)
    }
    switch status.kind {
    case S_IFDIR: throw unwritable(path, code: EISDIR)
    case S_IFSOCK: throw unwritable(path, "it is a socket")
    case S_IFBLK: throw unwritable(path, "it is a block device")
    default: break
    }
    guard access(path, W_OK) == 0 else { throw unwritable(path) }
    guard status.kind == S_IFREG else { return .stream }
    if status.st_nlink == 1, let target = resolved(path, status),
      access(folder(of: target), W_OK | X_OK) == 0
    {
      return .replaced(path: target, old: status)
    }
    return .inPlace
  }

  /// The place of a path with no file, or with a link that leads to none.
  private static func placeOfNewFile(_ path: String) throws(Failure) -> Place {
    let target = OpenFile.links(from: path).last!
    guard !target.hasSuffix("/") else { throw unwritable(path, code: EISDIR) }
    guard access(folder(of: target), W_OK | X_OK) == 0 else {
      let reason = systemMessage()
      throw unwritable(
        path, target == path ? reason : "it is a link to \(target): \(reason)")
    }
    return .replaced(path: target, old: nil)
  }

  /// The path with all links followed; `nil` if that is another file, as it is
  /// for an open file (`/proc/…/fd/N`) whose name is gone.
  private static func resolved(_ path: String, _ status: stat) -> String? {
    guard let buffer = realpath(path, nil) else { return nil }
    defer { free(buffer) }
    let target = String(cString: buffer)
    return stat(path: target)?.isSameFile(as: status) == true ? target : nil
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func unwritable(
    _ path: String, _ reason: String? = nil, code: Int32 = errno
  ) -> Failure {
    Failure.failed(
      "\(path): it cannot be written: \(reason ?? systemMessage(code))")
  }

  /// The path, at the end of all links, that several processes give to their
  /// file when it is whole, and the file that is there now.
  static func shared(
    _ path: String
  ) throws(Failure) -> (path: String, old: stat?) {
    let isOpenFile =
      OpenFile.descriptor(named: path, standard: STDOUT_FILENO) != nil
    if !isOpenFile, case .replaced(let target, let old) = try place(path) {
      return (target, old)
    }
    throw unwritable(
      path,
      "a sharded run writes a file of one name, in a folder that it can write "
        + "to; this is "
        + (isOpenFile ? "an open file of one process" : try kind(path)))
  }

  private static func kind(_ path: String) throws(Failure) -> String {
    guard let status = stat(path: path) else { throw unwritable(path) }
    return switch status.kind {
    case S_IFIFO: "a FIFO"
    case S_IFCHR: "a device"
    default:
      status.st_nlink > 1
        ? "a file of \(status.st_nlink) names" : "in another folder"
    }
  }
}
