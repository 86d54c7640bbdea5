import ArgumentParser
import ConvolutionTestSupport
import Convolutions
import Foundation

/// Serves `scripts/peers.py`, a driver that times several programs in turn. Its
/// requests come as lines of JSON on standard input; each is answered by a line
/// on standard output.
struct TurnsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "turns",
    abstract: "Loads problems and times them as a driver asks.")

  @Option(name: .customLong("op"), help: "Operation.")
  var operation = ConvolutionOperation.inputGradient

  @Option(help: "Order of the dimensions.")
  var layout = DataFormat.nhwc

  @Option(help: "Threads.")
  var threads = ConvolutionOptions.availableProcessors

  @Option(help: "Algorithm.")
  var algorithm = ConvolutionAlgorithm.automatic

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
      operation: operation, layout: layout,
      options: .init(
        algorithm: algorithm, accuracy: accuracy, threads: threads))
    while let line = readLine() {
      // Not with print, whose buffer would keep the line from the driver.
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
  var input: String?
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
  /// The time of an execution after the first, which warmed up.
  var warmMs: Double?
  /// The best time of a turn's executions.
  var bestMs: Double?
  var calls: Int?
}

/// Answers requests, one problem at a time.
struct TurnsSession {
  let operation: ConvolutionOperation
  let layout: DataFormat
  let options: ConvolutionOptions
  private var problem: (any LoadedProblem)?

  init(
    operation: ConvolutionOperation = .inputGradient, layout: DataFormat,
    options: ConvolutionOptions
  ) {
    self.operation = operation
    self.layout = layout
    self.options = options
  }

  /// The reply also says what is wrong with a request.
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
    let paths = [
      Conv2DError.TensorName.filter: request.filter,
      .outBackprop: request.outBackprop, .input: request.input,
    ]
    let operands = operation.operands
    guard let text = request.problem, let firstPath = paths[operands[0]]!,
      let secondPath = paths[operands[1]]!, let path = request.result,
      let type = request.dtype.flatMap(ScalarType.init(argument:))
    else {
      throw Failure.failed(
        "load needs problem, dtype, \(operands[0].rawValue), "
          + "\(operands[1].rawValue) and result")
    }
    guard !OutputFile.isStandardOutput(path) else {
      throw Failure.failed("the result cannot go to standard output")
    }
    let target = try OutputFile(path: path)
    let geometry = try ProblemDescriptor(text).geometry(layout)
    let first = try NumPyFile(path: firstPath)
    let second = try NumPyFile(path: secondPath)
    for (file, tensor) in zip([first, second], operands) {
      let sizes = geometry.sizes(of: tensor)
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
      let plan = try operation.plan(type, geometry, options: options)
      let operands = Operands(first.scalars(type), second.scalars(type))
      var reply = TurnsReply()
      reply.algorithm = plan.algorithm.rawValue
      reply.workspaceBytes = plan.workspaceByteCount
      reply.prepareMs = preparationTime(plan, operands)
      let problem = PlannedProblem(Contender(plan, operands))
      try target.write(
        problem.result, shape: geometry.sizes(of: operation.result),
        typeDescriptor: first.typeDescriptor)
      reply.warmMs = problem.time(milliseconds: 0).bestMs
      return (problem, reply)
    }
    return try load(type.testType)
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
  private(set) var result: [Scalar]

  /// Executes once.
  init(_ contender: consuming Contender<Scalar>) {
    self.contender = contender
    result = []
    result = self.contender.result()
  }

  func time(milliseconds: Double) -> TurnsReply {
    let clock = ContinuousClock()
    let start = clock.now
    var best = Double.infinity
    var calls = 0
    repeat {
      best = min(best, contender.time(into: &result))
      calls += 1
    } while start.duration(to: clock.now) / .milliseconds(1) < milliseconds
    var reply = TurnsReply()
    reply.bestMs = best
    reply.calls = calls
    return reply
  }
}
