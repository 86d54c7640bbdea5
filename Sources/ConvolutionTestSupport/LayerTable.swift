/// Real layers, in benchdnn notation.
public enum LayerTable {
  /// The layers that the benchmark is about, with the network each is from.
  public static let headline = [
    Layer(
      "resnet50_conv1", network: "ResNet-50",
      "mb8ic3ih224iw224oc64oh112ow112kh7kw7sh2sw2ph3pw3dh0dw0"),
    Layer(
      "resnet50_3x3_56", network: "ResNet-50",
      "mb8ic64ih56iw56oc64oh56ow56kh3kw3sh1sw1ph1pw1dh0dw0"),
    Layer(
      "resnet50_3x3_28", network: "ResNet-50",
      "mb8ic128ih28iw28oc128oh28ow28kh3kw3sh1sw1ph1pw1dh0dw0"),
    Layer(
      "resnet50_3x3_14", network: "ResNet-50",
      "mb8ic256ih14iw14oc256oh14ow14kh3kw3sh1sw1ph1pw1dh0dw0"),
    Layer(
      "resnet50_3x3_7", network: "ResNet-50",
      "mb8ic512ih7iw7oc512oh7ow7kh3kw3sh1sw1ph1pw1dh0dw0"),
    Layer(
      "resnet50_3x3s2_56", network: "ResNet-50",
      "mb8ic128ih56iw56oc128oh28ow28kh3kw3sh2sw2ph1pw1dh0dw0"),
    Layer(
      "resnet50_1x1_56", network: "ResNet-50",
      "mb8ic64ih56iw56oc256oh56ow56kh1kw1sh1sw1ph0pw0dh0dw0"),
    Layer(
      "resnet50_1x1_14", network: "ResNet-50",
      "mb8ic1024ih14iw14oc256oh14ow14kh1kw1sh1sw1ph0pw0dh0dw0"),
    Layer(
      "resnet50_1x1s2_56", network: "ResNet-50",
      "mb8ic256ih56iw56oc512oh28ow28kh1kw1sh2sw2ph0pw0dh0dw0"),
    Layer(
      "vgg16_conv1_2", network: "VGG-16",
      "mb1ic64ih224iw224oc64oh224ow224kh3kw3sh1sw1ph1pw1dh0dw0"),
    Layer(
      "vgg16_conv3_2", network: "VGG-16",
      "mb1ic256ih56iw56oc256oh56ow56kh3kw3sh1sw1ph1pw1dh0dw0"),
    Layer(
      "dcgan_convT4", network: "DCGAN",
      "mb8ic64ih32iw32oc128oh16ow16kh4kw4sh2sw2ph1pw1dh0dw0"),
    Layer(
      "dcgan_convT2", network: "DCGAN",
      "mb8ic256ih8iw8oc512oh4ow4kh4kw4sh2sw2ph1pw1dh0dw0"),
    Layer(
      "dcgan_convT5_rgb", network: "DCGAN",
      "mb8ic3ih64iw64oc64oh32ow32kh4kw4sh2sw2ph1pw1dh0dw0"),
    Layer(
      "unet_up2x2_256", network: "U-Net",
      "mb1ic128ih256iw256oc256oh128ow128kh2kw2sh2sw2ph0pw0dh0dw0"),
    Layer(
      "unet_3x3_128", network: "U-Net",
      "mb1ic128ih128iw128oc128oh128ow128kh3kw3sh1sw1ph1pw1dh0dw0"),
    Layer(
      "deeplab_3x3_d4", network: "DeepLabV3",
      "mb1ic256ih65iw65oc256oh65ow65kh3kw3sh1sw1ph4pw4dh3dw3"),
    Layer(
      "deeplab_aspp_d24", network: "DeepLabV3",
      "mb1ic2048ih65iw65oc256oh65ow65kh3kw3sh1sw1ph24pw24dh23dw23"),
    Layer(
      "inception_5x5", network: "Inception",
      "mb8ic32ih28iw28oc96oh28ow28kh5kw5sh1sw1ph2pw2dh0dw0"),
    Layer(
      "inception_1x7", network: "Inception-v3",
      "mb8ic192ih17iw17oc192oh17ow17kh1kw7sh1sw1ph0pw3dh0dw0"),
    Layer(
      "mobilenet_dw_56", network: "MobileNet",
      "g128mb8ic128ih56iw56oc128oh56ow56kh3kw3sh1sw1ph1pw1dh0dw0"),
    Layer(
      "mobilenet_dw_s2", network: "MobileNet",
      "g64mb8ic64ih112iw112oc64oh56ow56kh3kw3sh2sw2ph1pw1dh0dw0"),
    Layer(
      "resnext_g32_56", network: "ResNeXt",
      "g32mb8ic128ih56iw56oc128oh56ow56kh3kw3sh1sw1ph1pw1dh0dw0"),
    Layer(
      "fcn16_32x32_s16", network: "FCN-16s",
      "mb1ic21ih304iw368oc21oh18ow22kh32kw32sh16sw16ph0pw0dh0dw0"),
    Layer(
      "vit_patch16", network: "ViT",
      "mb8ic3ih224iw224oc768oh14ow14kh16kw16sh16sw16ph0pw0dh0dw0"),
    Layer(
      "deepspeech_20x5", network: "DeepBench speech",
      "mb4ic32ih341iw79oc32oh169ow35kh5kw10sh2sw2ph0pw0dh0dw0"),
  ]
}

/// A layer of a known network.
public struct Layer: Sendable, Hashable {
  public let name: String
  public let network: String
  /// Problem descriptor without the name.
  public let descriptor: String

  init(_ name: String, network: String, _ descriptor: String) {
    self.name = name
    self.network = network
    self.descriptor = descriptor
  }
}
