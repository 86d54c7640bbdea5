import ConvolutionTestSupport
import Foundation
import Testing

/// What libFuzzer found worth keeping (`scripts/fuzz.sh`), once more.
@Suite struct FuzzCorpusTests {
  private func corpus(_ name: String) throws -> FuzzCorpus {
    let file = try #require(
      Bundle.module.url(forResource: name, withExtension: "txt"))
    return try #require(
      FuzzCorpus(String(contentsOf: file, encoding: .utf8)))
  }

  @Test func files() throws {
    let inputs = try corpus("fuzz_npy").inputs
    var good = 0
    for input in inputs {
      #expect(throws: Never.self, "\(input)") {
        good += try checkNumPyFile(input.bytes) ? 1 : 0
      }
    }
    #expect(good >= 8 && inputs.count - good >= 8, "\(good)")
  }

  @Test func descriptors() throws {
    let inputs = try corpus("fuzz_descriptors").inputs
    var good = 0
    for input in inputs {
      #expect(throws: Never.self, "\(input)") {
        good += try checkDescriptor(input.bytes) ? 1 : 0
      }
    }
    #expect(good >= 8 && inputs.count - good >= 8, "\(good)")
  }
}
