// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Convolutions",
  platforms: [.macOS(.v26)],
  products: [
    .library(name: "Convolutions", targets: ["Convolutions"]),
    .library(
      name: "ConvolutionsC", type: .dynamic, targets: ["ConvolutionsC"]),
    .executable(name: "convbench", targets: ["convbench"]),
  ],
  dependencies: [
    .package(
      url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS",
      path: "Modules/COpenBLAS",
      pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
    .systemLibrary(
      name: "CLAPACKE",
      path: "Modules/CLAPACKE",
      pkgConfig: "lapacke",
      providers: [.apt(["liblapacke-dev"]), .brew(["lapack"])]),
    .target(
      name: "CConvolutionKernels"),
    .target(
      name: "Convolutions",
      dependencies: ["COpenBLAS", "CConvolutionKernels"]),
    .systemLibrary(
      name: "CConvolutions",
      path: "Sources/CConvolutions"),
    .target(
      name: "ConvolutionsC",
      dependencies: ["Convolutions", "CConvolutions"]),
    .target(
      name: "ConvolutionTestSupport",
      dependencies: ["Convolutions", "CLAPACKE"]),
    .executableTarget(
      name: "convbench",
      dependencies: [
        "Convolutions", "ConvolutionTestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      resources: [.embedInCode("Report/ReportPage")]),
    .executableTarget(
      name: "digits",
      dependencies: [
        "Convolutions",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .testTarget(
      name: "ConvolutionsTests",
      dependencies: ["Convolutions", "ConvolutionTestSupport"],
      resources: [.process("Resources")]),
    .testTarget(
      name: "ConvBenchTests",
      dependencies: ["convbench", "ConvolutionTestSupport"],
      resources: [.process("Resources")]),
  ],
  swiftLanguageModes: [.v6]
)

// Continuous integration lets no warning through; users are not bothered. For
// scripts/test.sh, tests see what is internal in a release build, and are not
// optimized, which would take longer than it saves; what they compare with is, in a
// debug build too, which halves its time.
let isStrict = Context.environment["CONVOLUTIONS_WARNINGS_AS_ERRORS"] == "1"
let isTestable = Context.environment["CONVOLUTIONS_TESTABLE"] == "1"
for target in package.targets where target.type != .system {
  if target.name == "CConvolutionKernels" {
    target.cSettings = isStrict ? [.treatAllWarnings(as: .error)] : []
    continue
  }
  var settings: [SwiftSetting] =
    isStrict ? [.treatAllWarnings(as: .error)] : []
  if isTestable {
    let isReference = target.name == "ConvolutionTestSupport"
    settings.append(
      .unsafeFlags(
        target.type == .test
          ? ["-Onone"] : ["-enable-testing"] + (isReference ? ["-O"] : [])))
  }
  target.swiftSettings = settings
}

// scripts/fuzz.sh: the library and the parsers under libFuzzer.
if Context.environment["CONVOLUTIONS_FUZZ"] == "1" {
  package.products = []
  package.dependencies = []
  package.targets.removeAll {
    $0.type == .test || ["convbench", "digits"].contains($0.name)
  }
  package.targets.append(
    .executableTarget(
      name: "convfuzz",
      dependencies: ["Convolutions", "ConvolutionTestSupport"],
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]))
  for target in package.targets where target.type != .system {
    if target.name == "CConvolutionKernels" {
      target.cSettings = [.unsafeFlags(["-fsanitize=fuzzer-no-link"])]
    } else {
      target.swiftSettings = [
        .unsafeFlags(["-sanitize=fuzzer"]),
        .enableExperimentalFeature("Extern"),
      ]
    }
  }
}
