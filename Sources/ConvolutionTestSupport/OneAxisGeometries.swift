import Convolutions

/// Every small problem along one axis, with the other axis trivial.
public enum OneAxisGeometries {
  /// Distinct problems of size 1 to 8, kernel 1 to 5, stride 1 to 4, dilation 1
  /// to 3 and SAME, VALID or 0 to 4 pixels of padding at each end; as height and
  /// as width, in both layouts.
  public static let all: [Conv2DGeometry] = {
    var seen: Set<Conv2DGeometry> = []
    var all: [Conv2DGeometry] = []
    for format in DataFormat.allCases {
      for isVertical in [true, false] {
        for size in 1...8 {
          for kernel in 1...5 {
            for stride in 1...4 {
              for dilation in 1...3 {
                for padding in paddings(isVertical, format) {
                  let geometry = geometry(
                    isVertical, format, size: size, kernel: kernel,
                    stride: stride, dilation: dilation, padding: padding)
                  if let geometry, seen.insert(geometry).inserted {
                    all.append(geometry)
                  }
                }
              }
            }
          }
        }
      }
    }
    return all
  }()

  private static func paddings(
    _ isVertical: Bool, _ format: DataFormat
  ) -> [Padding] {
    var paddings: [Padding] = [.same, .valid]
    for before in 0...4 {
      for after in 0...4 {
        paddings.append(
          isVertical
            ? .explicit(
              top: before, bottom: after, left: 0, right: 0, dataFormat: format)
            : .explicit(
              top: 0, bottom: 0, left: before, right: after, dataFormat: format)
        )
      }
    }
    return paddings
  }

  private static func geometry(
    _ isVertical: Bool, _ format: DataFormat, size: Int, kernel: Int,
    stride: Int, dilation: Int, padding: Padding
  ) -> Conv2DGeometry? {
    func order(_ value: Int, _ other: Int, _ outer: (Int, Int)) -> [Int] {
      format.order(
        batch: outer.0, height: isVertical ? value : other,
        width: isVertical ? other : value, channels: outer.1)
    }
    // The output size is whichever is accepted; at most one is.
    for output in 0...16 {
      let geometry = try? Conv2DGeometry(
        inputSizes: order(size, 2, (2, 3)),
        filterSizes: isVertical ? [kernel, 1, 3, 2] : [1, kernel, 3, 2],
        outBackpropSizes: order(output, 2, (2, 2)),
        strides: order(stride, 1, (1, 1)), padding: padding,
        dataFormat: format, dilations: order(dilation, 1, (1, 1)))
      if let geometry { return geometry }
    }
    return nil
  }
}
