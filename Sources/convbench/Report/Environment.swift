import Convolutions
import Foundation

/// What besides the code a benchmark's figures depend on.
struct Environment: Equatable, Sendable {
  /// A fact: its key in JSON, its name in tables, its value.
  struct Item: Equatable, Sendable {
    let key: String
    let label: String
    let value: String
  }

  var items: [Item]
  /// Why figures taken here understate the machine, if they do.
  var warning: String?

  /// The running process's.
  static func current() -> Environment {
    let variables = ProcessInfo.processInfo.environment
    let cpuInfo =
      (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    var items = [
      Item(key: "cpu", label: "CPU", value: cpuModel(cpuInfo)),
      Item(
        key: "cores", label: "cores available",
        value: "\(ConvolutionOptions.availableProcessors)"),
      Item(
        key: "isa", label: "instruction set",
        value: InstructionSet.current.rawValue),
      Item(
        key: "openblas", label: "OpenBLAS", value: BLASRuntime.configuration),
      Item(
        key: "openblas_core", label: "OpenBLAS core",
        value: BLASRuntime.coreName),
      Item(
        key: "openblas_threads", label: "OpenBLAS threads",
        value: "\(BLASRuntime.threads)"),
    ]
    for name in [
      "CONVOLUTIONS_MAX_ISA", "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS",
      "OPENBLAS_L2_SIZE",
    ] {
      items.append(
        Item(
          key: name.lowercased(), label: name,
          value: variables[name] ?? "not set"))
    }
    items.append(Item(key: "swift", label: "Swift", value: swiftVersion))
    items.append(Item(key: "build", label: "build", value: buildMode))
    let warnings = [
      warning(
        taken: InstructionSet.current, best: InstructionSet.available[0]),
      warning(
        coreName: BLASRuntime.coreName,
        isPinned: variables["OPENBLAS_CORETYPE"] != nil, cpuInfo: cpuInfo),
    ].compactMap { $0 }
    return Environment(
      items: items,
      warning: warnings.isEmpty ? nil : warnings.joined(separator: "; "))
  }

  /// Warns of kernels for less than what the CPU has.
  static func warning(taken: InstructionSet, best: InstructionSet) -> String? {
    taken == best
      ? nil
      : "CONVOLUTIONS_MAX_ISA keeps the kernels to \(taken.rawValue), though "
        + "this CPU has \(best.rawValue): every figure below understates it"
  }

  /// Cores whose kernels use AVX-512; all others of OpenBLAS's do not.
  private static let wideCores = ["skylakex", "cooperlake", "sapphirerapids"]

  /// Warns of an OpenBLAS that is pinned below what the CPU has.
  static func warning(
    coreName: String, isPinned: Bool, cpuInfo: String
  ) -> String? {
    let flags = Set(cpuInfo.split(separator: /\s/))
    let core = coreName.lowercased()
    let unused =
      if flags.contains("avx512f"), !wideCores.contains(core) {
        "AVX-512"
      } else if flags.contains("avx2"),
        !(wideCores + ["haswell", "zen", "excavator"]).contains(core)
      {
        "AVX2"
      } else {
        ""
      }
    guard isPinned, !unused.isEmpty else { return nil }
    return "OPENBLAS_CORETYPE pins OpenBLAS to \(coreName) kernels, though "
      + "this CPU has \(unused): every figure below understates the machine. To "
      + "measure it: env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE convbench …"
  }

  private static func cpuModel(_ cpuInfo: String) -> String {
    for line in cpuInfo.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2, parts[0].hasPrefix("model name") {
        return parts[1].trimmingCharacters(in: .whitespaces)
      }
    }
    return "unknown"
  }

  private static var swiftVersion: String {
    #if compiler(>=6.4)
      "6.4 or later"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }

  private static var buildMode: String {
    #if DEBUG
      "debug"
    #else
      "release"
    #endif
  }
}

extension Environment {
  /// One fact a line, names padded to one width.
  var lines: [String] {
    let width = items.map(\.label.count).max() ?? 0
    return items.map { $0.label.padded(to: width + 2) + $0.value }
  }

  /// The warning in a frame that nobody overlooks, or nothing.
  var warningLines: [String] {
    guard let warning else { return [] }
    let rule = String(repeating: "!", count: 72)
    return [rule, "WARNING: \(warning)", rule]
  }
}
