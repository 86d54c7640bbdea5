import Foundation
import Testing

@testable import convbench

/// Results and operands by what stands at their paths; `scripts/file_kinds` has
/// the kinds that take other processes.
@Suite struct OutputFileTests {
  private let folder: TemporaryFolder
  private let bytes = Data("the result".utf8)

  init() throws {
    folder = try TemporaryFolder()
  }

  private func write(_ path: String) throws {
    try OutputFile(path: path).write(bytes)
  }

  private func content(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.path(name)))
  }

  /// A file that is there already.
  private func make(_ name: String, mode: mode_t = 0o640) throws -> stat {
    try Data("precious".utf8).write(
      to: URL(fileURLWithPath: folder.path(name)))
    chmod(folder.path(name), mode)
    return status(name)
  }

  private func status(_ name: String) -> stat {
    var status = stat()
    lstat(folder.path(name), &status)
    return status
  }

  @Test func filesOfOneName() throws {
    let old = try make("target", mode: 0o604)
    symlink("target", folder.path("link"))
    try write(folder.path("link"))
    #expect(try content("target") == bytes)
    #expect(status("link").st_mode & S_IFMT == S_IFLNK)
    #expect(status("target").st_mode == old.st_mode)
    #expect(status("target").st_ino != old.st_ino)
    symlink("new", folder.path("dangling"))
    try write(folder.path("dangling"))
    #expect(try content("new") == bytes)
    #expect(status("dangling").st_mode & S_IFMT == S_IFLNK)
    #expect(
      try folder.contents() == ["dangling", "link", "new", "target"])
  }

  @Test func filesOfSeveralNames() throws {
    let old = try make("one")
    link(folder.path("one"), folder.path("two"))
    try write(folder.path("two"))
    #expect(try content("one") == bytes)
    #expect(status("two").st_ino == old.st_ino)
    #expect(status("one").st_mode == old.st_mode)
    try OutputFile(path: folder.path("one")).write(Data())
    #expect(try content("two").isEmpty)
  }

  @Test func streams() async throws {
    let path = folder.path("fifo")
    mkfifo(path, 0o600)
    let written = bytes
    async let read = Task.detached {
      try Data(InputFile(path: path).data())
    }.value
    try write(path)
    #expect(try await read == written)
    #expect(status("fifo").st_mode & S_IFMT == S_IFIFO)
    // An open file, from where it is.
    let file = open(folder.path("log"), O_RDWR | O_CREAT, 0o600)
    defer { close(file) }
    symlink("/dev/fd/\(file)", folder.path("link"))
    try write("/dev/fd/\(file)")
    try write(folder.path("link"))
    #expect(try content("log") == bytes + bytes)
    lseek(file, 4, SEEK_SET)
    let rest = try InputFile(path: "/dev/fd/\(file)").data()
    #expect(rest == (bytes + bytes).dropFirst(4))
  }

  @Test func refusals() throws {
    _ = try make("file")
    symlink("none/x", folder.path("dangling"))
    symlink("loop", folder.path("loop"))
    for (name, words) in [
      ("", "Is a directory"), ("none/", "Is a directory"),
      ("none/x", "No such file"), ("file/x", "Not a directory"),
      ("dangling", "it is a link to \(folder.path("none/x")): No such file"),
      ("loop", "symbolic links"),
    ] {
      let path = name.isEmpty ? folder.url.path : folder.url.path + "/" + name
      let error = #expect(throws: Failure.self) { try OutputFile(path: path) }
      #expect(error?.status == 1)
      #expect(
        error?.message.contains("it cannot be written: ") == true
          && error?.message.contains(words) == true, "\(error as Any)")
    }
    #expect(throws: Failure.self) { try OutputFile(path: "/dev/fd/1000000") }
    #expect(throws: Failure.self) { try OutputFile(path: "") }
    #expect(try folder.contents() == ["dangling", "file", "loop"])
  }

  @Test func onlyFilesAreShared() throws {
    _ = try make("one")
    symlink("one", folder.path("link"))
    #expect(
      try OutputFile.shared(folder.path("link")).path.hasSuffix("/one"))
    link(folder.path("one"), folder.path("two"))
    mkfifo(folder.path("fifo"), 0o600)
    for (path, words) in [
      (folder.path("link"), "a file of 2 names"),
      (folder.path("fifo"), "a FIFO"), ("/dev/null", "a device"),
      ("-", "an open file of one process"),
    ] {
      let error = #expect(throws: Failure.self) {
        try OutputFile.shared(path)
      }
      #expect(error?.message.contains(words) == true, "\(error as Any)")
    }
  }
}
