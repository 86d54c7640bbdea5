import ConvolutionTestSupport
import Foundation

/// libFuzzer over what the library and the parsers of problems and files are
/// given; `scripts/fuzz.sh` builds and runs it.
///
/// The environment says which of them: libFuzzer takes the whole command line,
/// and hands it on to processes that it starts.
@main
struct ConvFuzz {
  static func main() {
    let checks: [String: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt] =
      [
        "problems": { bytes, count in
          run(bytes, count) { bytes throws(FuzzFailure) in
            _ = try checkProblem(bytes, plans: false)
          }
        },
        "plans": { bytes, count in
          run(bytes, count) { bytes throws(FuzzFailure) in
            _ = try checkProblem(bytes, plans: true)
          }
        },
        "npy": { bytes, count in
          run(bytes, count) { bytes throws(FuzzFailure) in
            _ = try checkNumPyFile(bytes)
          }
        },
        "descriptors": { bytes, count in
          run(bytes, count) { bytes throws(FuzzFailure) in
            _ = try checkDescriptor(bytes)
          }
        },
      ]
    let name = ProcessInfo.processInfo.environment["CONVFUZZ"] ?? ""
    guard let check = checks[name] else {
      fatalError("CONVFUZZ must be one of \(checks.keys.sorted())")
    }
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? =
      CommandLine.unsafeArgv
    exit(runDriver(&count, &arguments, check))
  }
}

/// libFuzzer's own main function, as a library.
@_extern(c, "LLVMFuzzerRunDriver")
private func runDriver(
  _ argumentCount: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<
    UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
  >,
  _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// Checks one input; what fails ends the process, which libFuzzer reports with
/// the input.
private func run(
  _ bytes: UnsafePointer<UInt8>?, _ count: Int,
  _ check: ([UInt8]) throws(FuzzFailure) -> Void
) -> CInt {
  do {
    try check(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
  } catch {
    fatalError("\(error)")
  }
}
