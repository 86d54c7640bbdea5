import Foundation

extension stat {
  /// - Returns: `nil` where there is nothing, with the reason in `errno`.
  init?(path: String) {
    self.init()
    guard stat(path, &self) == 0 else { return nil }
  }

  /// Of an open file.
  init?(file: Int32) {
    self.init()
    guard fstat(file, &self) == 0 else { return nil }
  }

  /// A regular file, a folder, a FIFO, …: one of `S_IFREG`, `S_IFDIR`, ….
  var kind: mode_t { st_mode & S_IFMT }

  /// Whether both are of one file, under whatever names.
  func isSameFile(as other: stat) -> Bool {
    st_ino == other.st_ino && st_dev == other.st_dev
  }
}

/// What the system says of an error.
func systemMessage(_ code: Int32 = errno) -> String {
  String(cString: strerror(code))
}
