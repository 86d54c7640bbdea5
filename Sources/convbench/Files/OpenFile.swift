import Foundation

/// The numbers of the process's open files, by the paths that name them.
enum OpenFile {
  private static let mostLinks = 40

  /// A path and where its links lead, one after the other.
  static func links(from path: String) -> [String] {
    var paths = [path]
    while paths.count <= mostLinks,
      let next = try? FileManager.default.destinationOfSymbolicLink(
        atPath: paths.last!)
    {
      paths.append(
        next.hasPrefix("/")
          ? next : OutputFile.folder(of: paths.last!) + "/" + next)
    }
    return paths
  }

  /// The number of the open file that a path names, itself or by links.
  ///
  /// Such a path is not to be opened: that would empty the file if it is on a
  /// disk, and fail if it is a socket.
  ///
  /// - Parameter standard: the open file that `-` names.
  static func descriptor(named path: String, standard: Int32) -> Int32? {
    if path == "-" { return standard }
    return links(from: path).lazy.compactMap(number).first
  }

  private static func number(_ path: String) -> Int32? {
    switch path {
    case "/dev/stdin": return STDIN_FILENO
    case "/dev/stdout": return STDOUT_FILENO
    case "/dev/stderr": return STDERR_FILENO
    default: break
    }
    for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
      let digits = path.dropFirst(folder.count)
      return digits.allSatisfy(\.isWholeNumber) ? Int32(digits) : nil
    }
    return nil
  }

  /// Whether to repeat a call that failed with `code`: because of a signal, or
  /// because the file does not block. For that one, waits until it is ready.
  static func isPassing(_ code: Int32, _ file: Int32, _ event: Int32) -> Bool {
    guard code == EAGAIN || code == EWOULDBLOCK else { return code == EINTR }
    var wanted = pollfd(fd: file, events: Int16(event), revents: 0)
    return poll(&wanted, 1, -1) >= 0 || errno == EINTR
  }
}
