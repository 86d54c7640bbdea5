import Convolutions

extension Conv2DError {
  /// The name of the case, with its tensor, parameter, dimension or algorithm,
  /// but no other numbers.
  package var kind: String {
    switch self {
    case .rank(let tensor, _): "rank \(tensor.rawValue)"
    case .length(let parameter, _, _): "length \(parameter.rawValue)"
    case .negativeSize(let tensor, _): "negativeSize \(tensor.rawValue)"
    case .emptyFilter: "emptyFilter"
    case .notPositive(let parameter, _): "notPositive \(parameter.rawValue)"
    case .negativePadding: "negativePadding"
    case .batchOrDepthEntry(let parameter, _):
      "batchOrDepthEntry \(parameter.rawValue)"
    case .tooLarge: "tooLarge"
    case .batch: "batch"
    case .outDepth: "outDepth"
    case .inDepth: "inDepth"
    case .groups: "groups"
    case .outBackpropSize(let dimension, _, _, _):
      "outBackpropSize \(dimension)"
    case .windowTooLarge(let dimension, _, _): "windowTooLarge \(dimension)"
    case .elementCount: "elementCount"
    case .threads: "threads"
    case .workspaceLimit: "workspaceLimit"
    case .unsupported(let algorithm, _): "unsupported \(algorithm.rawValue)"
    case .inaccurate(let algorithm, _, _): "inaccurate \(algorithm.rawValue)"
    case .outOfMemory: "outOfMemory"
    }
  }
}
