import ArgumentParser
import Convolutions
import Foundation

/// Serves a driver that times several programs in turn, `scripts/peers.py`:
/// requests come as lines of JSON on standard input, each is answered by a
/// line on standard output.
struct TurnsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "turns",
    abstract: "Loads problems and times them as a driver asks.",
    shouldDisplay: false)

  @Option(help: "Order of the dimensions.")
  var layout = DataFormat.nhwc

  @Option(help: "Threads.")
  var threads = InputGradientOptions.availableProcessors

  @Option(help: "Algorithm.")
  var algorithm = InputGradientAlgorithm.automatic

  @Option(help: "Error allowed.")
  var accuracy = Accuracy.standard

  func validate() throws {
    try checkThreads([threads])
  }

  func run() throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var session = TurnsSession(
      layout: layout,
      options: .init(
        algorithm: algorithm, accuracy: accuracy, threads: threads))
    while let line = readLine() {
      // Not print: the driver waits for the line.
      try FileHandle.standardOutput.write(
        contentsOf: encoder.encode(session.answer(line)) + Data("\n".utf8))
    }
  }
}

// MARK: - Protocol

/// A line from the driver.
struct TurnsRequest: Decodable {
  enum Operation: String, Decodable {
    /// Plans a problem, executes it and writes the result.
    case load
    /// Executes for some time.
    case time
    /// Forgets the problem.
    case drop
  }

  var op: Operation
  /// For `load`: the problem descriptor, and files in the session's layout.
  var problem: String?
  var dtype: String?
  var filter: String?
  var outBackprop: String?
  var result: String?
  /// For `time`: for how long to execute, at least.
  var milliseconds: Double?
}

/// The answer to a request; what does not apply is left out.
struct TurnsReply: Encodable {
  var ok = true
  /// Why not `ok`.
  var reason: String?
  var algorithm: String?
  var workspaceBytes: Int?
  /// The best time to prepare the filter, which no other time contains.
  var prepareMs: Double?
  /// The time of the last execution that warmed up.
  var warmMs: Double?
  /// The best time of a turn's executions.
  var bestMs: Double?
  var calls: Int?
}

/// Answers requests, one problem at a time.
struct TurnsSession {
  let layout: DataFormat
  let options: InputGradientOptions
  private var problem: (any LoadedProblem)?

  init(layout: DataFormat, options: InputGradientOptions) {
    self.layout = layout
    self.options = options
  }

  /// Whatever is wrong with a request is said in the reply.
  mutating func answer(_ line: String) -> TurnsReply {
    do {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      let request = try decoder.decode(
        TurnsRequest.self, from: Data(line.utf8))
      return try answer(request)
    } catch is DecodingError {
      return TurnsReply(ok: false, reason: "the request is malformed")
    } catch let failure as Failure {
      return TurnsReply(ok: false, reason: failure.message)
    } catch {
      return TurnsReply(ok: false, reason: "\(error)")
    }
  }

  private mutating func answer(_ request: TurnsRequest) throws -> TurnsReply {
    switch request.op {
    case .load:
      problem = nil
      let (loaded, reply) = try load(request)
      problem = loaded
      return reply
    case .time:
      guard let problem else { throw Failure.failed("no problem is loaded") }
      let milliseconds = request.milliseconds ?? 0
      guard milliseconds.isFinite else {
        throw Failure.failed("milliseconds must be finite")
      }
      return problem.time(milliseconds: milliseconds)
    case .drop:
      problem = nil
      return TurnsReply()
    }
  }

  private func load(
    _ request: TurnsRequest
  ) throws -> (any LoadedProblem, TurnsReply) {
    guard let text = request.problem, let filterPath = request.filter,
      let outBackpropPath = request.outBackprop, let path = request.result,
      let type = request.dtype.flatMap(ScalarType.init(argument:))
    else {
      throw Failure.failed(
        "load needs problem, dtype, filter, out_backprop and result")
    }
    let geometry = try ProblemDescriptor(text).geometry(layout)
    let filter = try NumPyFile(path: filterPath)
    let outBackprop = try NumPyFile(path: outBackpropPath)
    for (file, sizes) in [
      (filter, geometry.filterSizes), (outBackprop, geometry.outBackpropSizes),
    ] {
      guard try file.scalarType(declared: type) == type, file.shape == sizes
      else {
        throw NumPyError(
          path: file.path,
          reason: "its shape is \(file.shape); the problem needs \(sizes)")
      }
    }
    func load<Scalar: ConvolutionScalar>(
      _ type: Scalar.Type
    ) throws -> (any LoadedProblem, TurnsReply) {
      guard Benchmark.fitsMemory(geometry, type) else {
        throw Failure.failed("the tensors do not fit into memory")
      }
      let plan = try InputGradientPlan<Scalar>(geometry, options: options)
      let scalars = filter.scalars(type)
      var reply = TurnsReply()
      reply.algorithm = plan.algorithm.rawValue
      reply.workspaceBytes = plan.workspaceByteCount
      reply.prepareMs = preparationTime(plan, scalars)
      let problem = PlannedProblem(
        Contender(plan, filter: scalars),
        outBackprop: outBackprop.scalars(type))
      try NumPyFile.write(
        Tensor(shape: geometry.inputSizes, scalars: problem.result),
        typeDescriptor: filter.typeDescriptor, path: path)
      reply.warmMs = problem.time(milliseconds: 0).bestMs
      return (problem, reply)
    }
    return switch type {
    case .float16: try load(Float16.self)
    case .bfloat16: try load(BFloat16.self)
    case .float32: try load(Float.self)
    case .float64: try load(Double.self)
    }
  }
}

// MARK: - Problems

/// A problem of any type, ready to be executed.
private protocol LoadedProblem: AnyObject {
  /// Executes at least once and for at least as long.
  func time(milliseconds: Double) -> TurnsReply
}

private final class PlannedProblem<Scalar: ConvolutionScalar>: LoadedProblem {
  private var contender: Contender<Scalar>
  private let outBackprop: [Scalar]
  private(set) var result: [Scalar]

  /// Executes once.
  init(_ contender: consuming Contender<Scalar>, outBackprop: [Scalar]) {
    self.contender = contender
    self.outBackprop = outBackprop
    result = []
    result = self.contender.result(outBackprop)
  }

  func time(milliseconds: Double) -> TurnsReply {
    let clock = ContinuousClock()
    let start = clock.now
    var best = Double.infinity
    var calls = 0
    repeat {
      best = min(best, contender.time(outBackprop, into: &result))
      calls += 1
    } while start.duration(to: clock.now) / .milliseconds(1) < milliseconds
    var reply = TurnsReply()
    reply.bestMs = best
    reply.calls = calls
    return reply
  }
}
