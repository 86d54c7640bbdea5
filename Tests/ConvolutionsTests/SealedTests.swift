import Foundation
import Testing

/// The compiler is asked.
@Suite("Nobody else can conform to the protocols that kernels rely on")
struct SealedTests {
  /// What finds the library's module, and those of C that it is made with, beside
  /// the running tests and in the sources.
  private static var flags: [String] {
    let folder =
      Bundle.main.executableURL?.deletingLastPathComponent().path
      ?? ""
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().path
    return [
      "-I", folder + "/Modules", "-I", sources + "/Modules/COpenBLAS",
      "-I", folder + "/CConvolutionKernels.build",
      "-Xcc",
      "-fmodule-map-file="
        + sources + "/Modules/COpenBLAS/module.modulemap",
      "-Xcc",
      "-fmodule-map-file="
        + folder + "/CConvolutionKernels.build/module.modulemap",
    ]
  }

  private func errors(_ source: String) throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent(
        "sealed-\(ProcessInfo.processInfo.globallyUniqueString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("client.swift")
    try "import Convolutions\n\(source)\n"
      .write(to: file, atomically: true, encoding: .utf8)
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments =
      ["swiftc", "-typecheck"] + Self.flags + [file.path]
    let pipe = Pipe()
    compiler.standardError = pipe
    try compiler.run()
    let text = pipe.fileHandleForReading.readDataToEndOfFile()
    compiler.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }

  @Test func protocolsAreSealed() throws {
    // The control: what a client may write.
    #expect(try errors("let type = Float.scalarType") == "")
    let text = try errors(
      """
      struct Other: ConvolutionScalar {
        static var scalarType: ScalarType { .float32 }
        static var _sealedScalar: _Sealed<Self, any ConvolutionScalar> { .init() }
      }
      enum Mine: PlannedOperation {
        static var operation: ConvolutionOperation { .forward }
        static var _sealedOperation: _Sealed<Self, any PlannedOperation> {
          Forward._sealedOperation
        }
      }
      extension FilterGradient: @retroactive FilteringOperation {
        public static var _sealedFiltering: _Sealed<Self, any FilteringOperation> {
          _sealedOperation
        }
      }
      """)
    #expect(text.contains("initializer is inaccessible"))
    #expect(text.contains("'_Sealed<Forward, any PlannedOperation>'"))
    #expect(text.contains("'_Sealed<FilterGradient, any PlannedOperation>'"))
  }
}
