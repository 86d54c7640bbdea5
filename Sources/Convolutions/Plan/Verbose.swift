internal import FoundationEssentials

/// One line a call on standard output if `CONVOLUTIONS_VERBOSE=1`, in the field
/// order of oneDNN's, so that existing log scripts work.
package enum Verbose {
  static let isOn =
    ProcessInfo.processInfo.environment["CONVOLUTIONS_VERBOSE"] == "1"

  static func report(_ plan: OperationPlan, _ time: Duration) {
    print(line(plan, time))
  }

  package static func line(_ plan: OperationPlan, _ time: Duration) -> String {
    let geometry = plan.geometry
    let type = plan.type.rawValue
    let layout = geometry.dataFormat == .nhwc ? "acdb" : "abcd"
    let fields = [
      "convolutions_verbose", "primitive", "exec", "cpu", "convolution",
      plan.algorithm.rawValue, plan.operation.propagation,
      "src_\(type)::blocked:\(layout)::f0 wei_\(type)::blocked:cdba::f0 "
        + "bia_undef::undef::: dst_\(type)::blocked:\(layout)::f0",
      "threads:\(plan.threads) workspace:\(plan.workspaceByteCount) "
        + "isa:\(InstructionSet.current.rawValue)",
      "alg:convolution_\(plan.algorithm.rawValue)", geometry.descriptor,
      "\(time / .milliseconds(1))",
    ]
    return fields.joined(separator: ",")
  }
}

extension ConvolutionOperation {
  /// oneDNN's name of it.
  var propagation: String {
    switch self {
    case .inputGradient: "backward_data"
    case .forward: "forward_training"
    case .filterGradient: "backward_weights"
    }
  }
}
