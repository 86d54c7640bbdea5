import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

/// The inputs that libFuzzer found worth keeping (`scripts/fuzz.sh`), once more.
@Suite("What the fuzzer found is refused or right")
struct FuzzCorpusTests {
  @Test func keptInputs() throws {
    let file = try #require(
      Bundle.module.url(forResource: "fuzz_problems", withExtension: "txt"))
    let corpus = try #require(
      FuzzCorpus(String(contentsOf: file, encoding: .utf8)))
    var outcomes: Set<FuzzOutcome> = []
    for input in corpus.inputs {
      do {
        outcomes.insert(try checkProblem(input.bytes, plans: true))
      } catch {
        Issue.record("\(error)\n\(input)")
      }
    }
    // It goes everywhere: every kind of error, and every algorithm.
    let kinds = outcomes.compactMap {
      if case .refused(let kind) = $0 { kind } else { nil }
    }
    let executed = outcomes.compactMap {
      if case .executed(let algorithm) = $0 { algorithm } else { nil }
    }
    #expect(
      BadInput.kinds.union(["threads", "workspaceLimit"])
        .isSubset(of: kinds), "\(kinds.sorted())")
    #expect(Set(executed) == Set(forcedAlgorithms))
  }

  /// A corpus that says nothing is no corpus.
  @Test func aCorpusThatSaysNothing() {
    #expect(
      FuzzCorpus("# nothing\n0aFF # two\n\n 00 01")?.inputs.map(\.bytes)
        == [[10, 255], [0, 1]])
    #expect(FuzzCorpus("0") == nil)
    #expect(FuzzCorpus("0g") == nil)
  }

  /// Wild bytes of all lengths, without a fuzzer.
  @Test func randomBytes() {
    var generator = SeededGenerator(seed: 7)
    var legal = 0
    for _ in 0..<4000 {
      let bytes = (0..<generator.int(0...64)).map { _ in
        UInt8(truncatingIfNeeded: generator.next())
      }
      #expect(throws: Never.self, "\(bytes)") {
        if case .refused = try checkProblem(bytes, plans: true) { return }
        legal += 1
      }
    }
    #expect(legal > 400, "\(legal)")
  }
}
