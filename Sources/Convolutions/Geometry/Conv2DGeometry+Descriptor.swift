extension Conv2DGeometry {
  /// The problem in the notation of oneDNN's benchdnn, such as
  /// `mb8ic64ih56iw56oc64oh56ow56kh3kw3sh1sw1dh0dw0ph1pw1`.
  ///
  /// `ic`, `ih` and `iw` are the result's, `oc`, `oh` and `ow` out_backprop's;
  /// dilation counts from 0; the far pads follow from the sizes, so that those
  /// which no window reaches are not in it. Without input channels the filter's
  /// depth is taken to be 1.
  public var descriptor: String {
    (groups > 1 ? "g\(groups)" : "")
      + "mb\(batch)ic\(inputChannels)ih\(inputHeight)iw\(inputWidth)"
      + "oc\(outputChannels)oh\(outputHeight)ow\(outputWidth)"
      + "kh\(kernelHeight)kw\(kernelWidth)sh\(strides[0])sw\(strides[1])"
      + "dh\(dilations[0] - 1)dw\(dilations[1] - 1)ph\(padTop)pw\(padLeft)"
  }
}
