/// The maps of one geometry: from two of its tensors to the third.
public enum ConvolutionOperation: String, Sendable, Hashable, CaseIterable {
  /// From the filter and out_backprop to the gradient of the input.
  case inputGradient = "input-gradient"
  /// From the filter and the input to the output, of out_backprop's sizes.
  case forward
  /// From the input and out_backprop to the gradient of the filter.
  case filterGradient = "filter-gradient"

  /// The tensors that it takes, in the order of its plans.
  package var operands: [Conv2DError.TensorName] {
    [firstOperand, secondOperand]
  }

  /// The filter, where it is an operand.
  var firstOperand: Conv2DError.TensorName {
    self == .filterGradient ? .input : .filter
  }

  var secondOperand: Conv2DError.TensorName {
    self == .forward ? .input : .outBackprop
  }

  /// The tensor whose sizes the result has.
  package var result: Conv2DError.TensorName {
    switch self {
    case .inputGradient: .input
    case .forward: .outBackprop
    case .filterGradient: .filter
    }
  }
}

extension Conv2DGeometry {
  /// Sizes of a tensor, in its own order.
  package func sizes(of tensor: Conv2DError.TensorName) -> [Int] {
    switch tensor {
    case .input: inputSizes
    case .filter: filterSizes
    case .outBackprop, .tensor: outBackpropSizes
    }
  }

  /// Scalars of a tensor.
  package func count(of tensor: Conv2DError.TensorName) -> Int {
    switch tensor {
    case .input: inputCount
    case .filter: filterCount
    case .outBackprop, .tensor: outBackpropCount
    }
  }
}
