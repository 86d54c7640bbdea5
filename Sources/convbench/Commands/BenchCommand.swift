import ArgumentParser
import ConvolutionTestSupport
import Convolutions
import Foundation

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Times problems against the direct kernel, after verifying them.",
    discussion: """
      A problem is a benchdnn descriptor, such as \
      mb8ic64ih56oc64oh56kh3ph1n"name". Dilation counts from 0; the width \
      copies the height where no letter of the width is given.
      """)

  @OptionGroup
  var selection: ProblemSelection

  @Option(
    help: ArgumentHelp(
      "Problems of what CONVOLUTIONS_VERBOSE=1 or ONEDNN_VERBOSE=1 has printed "
        + "instead, each once, in its operation, type and layout; "
        + "- is standard input.", valueName: "log"))
  var fromVerbose: String?

  @Option(
    name: .customLong("op"),
    help: "Operations (default: input-gradient, or the log's).")
  var operations: CommaList<ConvolutionOperation>?

  @Option(
    name: .customLong("dtype"),
    help: "Types of the scalars (default: f32, or the log's).")
  var types: CommaList<ScalarType>?

  @Option(
    name: .customLong("layout"),
    help: "Orders of the dimensions (default: nhwc, or the log's).")
  var layouts: CommaList<DataFormat>?

  @Option(help: "Numbers of threads.")
  var threads = CommaList([ConvolutionOptions.availableProcessors])

  @Option(name: .customLong("algorithm"), help: "Algorithms.")
  var algorithms = CommaList([ConvolutionAlgorithm.automatic])

  @Option(name: .customLong("accuracy"), help: "Errors allowed.")
  var accuracies = CommaList(Accuracy.allCases)

  @Option(
    name: .customLong("products"),
    help: "Who computes the products of column and winograd.")
  var products = CommaList([ProductProvider.automatic])

  @Option(
    help: ArgumentHelp("Most bytes of workspace.", valueName: "bytes"))
  var workspaceLimit: Int?

  @Option(
    help: ArgumentHelp(
      "Least time to spend in the engine for a row.", valueName: "seconds"))
  var minTime = 0.3

  @Option(help: "How to write the rows.")
  var format = ReportFormat.table

  @Option(
    help: ArgumentHelp(
      "Where to write, instead of standard output.", valueName: "file"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Where to write a page for a browser too: rooflines, bars, errors; needs "
        + "Python with matplotlib.", valueName: "file.html"))
  var report: String?

  @Option(
    help: ArgumentHelp(
      "What scripts/peers.py --json has written, for the page.",
      valueName: "file.json"))
  var peers: String?

  func validate() throws {
    try checkThreads(threads.values)
    try checkWorkspaceLimit(workspaceLimit)
    guard minTime.isFinite, minTime >= 0 else {
      throw ValidationError("'--min-time' must be a number of seconds.")
    }
    if peers != nil, report == nil {
      throw ValidationError("'--peers' goes with '--report' only.")
    }
    guard
      report.map(OutputFile.isStandardOutput) != true
        || output.map(OutputFile.isStandardOutput) == false
    else {
      throw ValidationError(
        "Rows and page cannot both go to standard output: '--output' must name "
          + "a file.")
    }
    if fromVerbose != nil, !selection.isEmpty {
      throw ValidationError(
        "'--from-verbose' takes the place of other problems.")
    }
  }

  func run() throws {
    let cases = try self.cases()
    // Files that cannot be written are refused before the measurement.
    let outputFile = try output.map { try OutputFile(path: $0) }
    let reportFile = try report.map { try OutputFile(path: $0) }
    let reportPage = try report.map { _ in try ReportPage(peers: peers) }
    let environment = Environment.current()
    environment.warningLines.forEach(printError)

    let benchmark = Benchmark(
      threads: threads.values, algorithms: algorithms.values,
      accuracies: accuracies.values, products: products.values,
      workspaceLimit: workspaceLimit, minimumTime: minTime)
    // Measured before and after, for a disturbance may pass meanwhile.
    func roofs(_ earlier: [Roof] = []) -> [Roof] {
      guard format == .json || report != nil else { return [] }
      return Roof.measure(
        types: ScalarType.allCases.filter { type in
          cases.contains { $0.type == type }
        }, threads: threads.values, earlier: earlier)
    }
    let earlierRoofs = roofs()
    let bar = ProgressBar("bench", total: benchmark.rowCount(cases))
    let rows = try benchmark.run(cases, progress: bar.advance)
    bar.finish()

    let result = Report(
      environment: environment, rows: rows, roofs: roofs(earlierRoofs))
    let text = try result.rendered(format)
    if let outputFile {
      try outputFile.write(Data(text.utf8))
    } else {
      print(text, terminator: "")
    }
    if let reportFile, let reportPage {
      try reportFile.write(reportPage.page(of: result.json))
    }
    let failures = rows.filter { $0.status == .failed }
    if !failures.isEmpty {
      let names = failures.map { $0.name.isEmpty ? $0.shortProblem : $0.name }
      throw Failure.failed(
        "\(failures.count) of \(rows.count) rows failed verification: "
          + names.joined(separator: ", "))
    }
  }

  /// The problems, each in every operation, type and layout asked for.
  private func cases() throws -> [BenchCase] {
    func cases(
      _ problem: ProblemDescriptor, _ operation: ConvolutionOperation,
      _ type: ScalarType, _ layout: DataFormat, _ logged: LoggedCalls?
    ) -> [BenchCase] {
      (operations?.values ?? [operation]).flatMap { operation in
        (types?.values ?? [type]).flatMap { type in
          (layouts?.values ?? [layout]).map { layout in
            BenchCase(
              problem: problem, operation: operation, type: type,
              layout: layout, logged: logged)
          }
        }
      }
    }
    if let fromVerbose {
      return try VerboseLog.read(fromVerbose).problems.flatMap {
        cases($0.named, $0.operation, $0.type, $0.layout ?? .nhwc, $0.calls)
      }
    }
    return try selection.chosen().flatMap {
      cases($0, .inputGradient, .float32, .nhwc, nil)
    }
  }
}
