import ConvolutionTestSupport
import Convolutions
import Testing

@testable import convbench

@Suite struct ProblemDescriptorTests {
  /// The full descriptor of a text.
  private func full(_ text: String) throws -> String {
    try ProblemDescriptor(text).geometry(.nhwc).descriptor
  }

  @Test func everyLetter() throws {
    let text =
      "g2mb3ic4ih9iw10oc6oh3ow2kh3kw4sh3sw4dh1dw0ph1pw0"
    #expect(try full(text) == text)
    let geometry = try ProblemDescriptor(text).geometry(.nchw)
    #expect(geometry.inputSizes == [3, 4, 9, 10])
    #expect(geometry.filterSizes == [3, 4, 2, 6])
    #expect(geometry.outBackpropSizes == [3, 6, 3, 2])
    #expect(geometry.strides == [3, 4])
    #expect(geometry.dilations == [2, 1])
    #expect(geometry.padTop == 1)
    #expect(geometry.padBottom == 1)
    #expect(geometry.padRight == 0)
  }

  @Test func missingValues() throws {
    #expect(
      try full("ic4ih8oc5kh3")
        == "mb2ic4ih8iw8oc5oh6ow6kh3kw3sh1sw1dh0dw0ph0pw0")
    // The width copies the height where no letter of it is given.
    #expect(
      try full("ic4ih8oc5kh3sh2dh1ph2")
        == "mb2ic4ih8iw8oc5oh4ow4kh3kw3sh2sw2dh1dw1ph2pw2")
  }

  /// An axis of which a letter is given takes nothing from the other.
  @Test(arguments: [
    (
      "mb33ic96ih10iw12oc64oh4ow9kh4kw5sh2pw1",
      "mb33ic96ih10iw12oc64oh4ow9kh4kw5sh2sw1dh0dw0ph0pw1"
    ),
    (
      "mb1_g16ic16oc16_ih15oh7kh6sh2ph3_iw10ow10kw3",
      "g16mb1ic16ih15iw10oc16oh7ow10kh6kw3sh2sw1dh0dw0ph3pw1"
    ),
    (
      "mb20ic16ih1iw8oc6oh1kh1kw3sh1pw0ph0sw1dh0dw2",
      "mb20ic16ih1iw8oc6oh1ow2kh1kw3sh1sw1dh0dw2ph0pw0"
    ),
    (
      "ic4ih8iw9oc5kh3kw2sh2dh1ph2",
      "mb2ic4ih8iw9oc5oh4ow8kh3kw2sh2sw1dh1dw0ph2pw0"
    ),
    (
      "ic4ih9iw8oc5kh3kw2sw2dw1pw2",
      "mb2ic4ih9iw8oc5oh7ow5kh3kw2sh1sw2dh0dw1ph0pw2"
    ),
    (
      "ic4ih9iw8oc5oh9kh3kw2sw2ow4",
      "mb2ic4ih9iw8oc5oh9ow4kh3kw2sh1sw2dh0dw0ph1pw0"
    ),
  ])
  func axesApart(text: String, descriptor: String) throws {
    #expect(try full(text) == descriptor)
  }

  /// Without a letter of the height the image has one row.
  @Test(arguments: [
    (
      "g128ic128iw16oc128ow16kw3sw1pw1n\"conv_dw\"",
      "g128mb2ic128ih1iw16oc128oh1ow16kh1kw3sh1sw1dh0dw0ph0pw1"
    ),
    (
      "g6_ic24oc24_iw11kw3_n\"1d_gconv\"",
      "g6mb2ic24ih1iw11oc24oh1ow9kh1kw3sh1sw1dh0dw0ph0pw0"
    ),
    (
      "mb1ic32iw121oc32kw6pw0sw4",
      "mb1ic32ih1iw121oc32oh1ow29kh1kw6sh1sw4dh0dw0ph0pw0"
    ),
    (
      "ic8oc8_iw5ow2kw3sw1dw2pw3",
      "mb2ic8ih1iw5oc8oh1ow2kh1kw3sh1sw1dh0dw2ph0pw3"
    ),
  ])
  func oneDimension(text: String, descriptor: String) throws {
    #expect(try full(text) == descriptor)
    let short = try ProblemDescriptor(text).shortDescriptor
    #expect(!short.contains("h"), "\(short)")
    #expect(try full(short) == descriptor)
  }

  @Test(arguments: [
    // From ph.
    ("ic1ih8oc1kh3ph1", 8, 1, 1),
    ("ic1ih7oc1kh3sh2ph1", 4, 1, 1),
    ("ic1ih8oc1kh3sh2ph1", 4, 1, 0),
    // From oh; the odd pixel goes to the far side.
    ("ic1ih8oc1oh8kh3", 8, 1, 1),
    ("ic1ih8oc1oh4kh3sh2", 4, 0, 1),
    ("ic1ih8oc1oh8kh4", 8, 1, 2),
    // Both: the far pad follows; rows that no window reaches stay.
    ("ic1ih8oc1oh7kh3ph0", 7, 0, 1),
    ("ic1ih9oc1oh4kh2sh2ph0", 4, 0, 0),
  ])
  func derivedSizes(text: String, output: Int, before: Int, after: Int) throws {
    let geometry = try ProblemDescriptor(text).geometry(.nhwc)
    #expect(geometry.outputHeight == output)
    #expect(geometry.padTop == before)
    #expect(geometry.padBottom == after)
  }

  @Test func anyOrderUnderscoresAndName() throws {
    let descriptor = try ProblemDescriptor("kh3_ph1_oc5mb1_ih8ic4n\"a_b 1\"")
    #expect(descriptor.name == "a_b 1")
    #expect(
      try full("kh3_ph1_oc5mb1_ih8ic4nbare") == full("mb1ic4ih8oc5kh3ph1"))
    #expect(try ProblemDescriptor("ic1ih1oc1kh1nbare").name == "bare")
    for text in ["ic1ih1oc1kh1", "ic1ih1oc1kh1n", "ic1ih1oc1kh1_n\"\""] {
      #expect(try ProblemDescriptor(text).name == nil)
    }
  }

  @Test(arguments: [
    ("", "'ic' is missing"),
    ("ih8oc1kh1", "'ic' is missing"),
    ("ic1ih8kh1", "'oc' is missing"),
    ("ic1oc1kh1", "'ih' is missing"),
    ("ic1ih8oc1", "'kh' is missing"),
    ("ic1ih8iw8oc1kh1", "'kw' is missing"),
    ("ic1ih8oc1kh1kw1", "'iw' is missing"),
    ("ic1ih8oc1kh1sw2", "'iw' is missing"),
    ("ic1iw8oc1kw1sh2", "'ih' is missing"),
    ("ic1iw8oc1", "'kw' is missing"),
    ("ic1ic1ih8oc1kh1", "twice"),
    ("ic1id2ih8oc1kh1", "'id'"),
    ("IC1ih8oc1kh1", "'IC'"),
    ("icih8oc1kh1", "'icih'"),
    ("ic_oc1", "'icoc'"),
    ("ih8ic", "number must follow"),
    ("ic-1ih8oc1kh1", "number must follow"),
    ("8ic1", "where a letter should be"),
    ("ic1ih8oc1kh1n\"a", "name"),
    ("ic1ih8oc1kh0", "at least 1"),
    ("ic1ih8oc1kh1sh0", "at least 1"),
    ("g0ic1ih8oc1kh1", "multiples of g"),
    ("g2ic3ih8oc4kh1", "multiples of g"),
    ("ic1ih2oc1kh3", "larger than the padded input"),
    ("ic1ih9oc1oh2kh1ph0", "doesn't match computed"),
    ("ic9000000000000000000ih9oc1kh1", "too large"),
    ("ic99999999999999999999ih1oc1kh1", "too large"),
  ])
  func bad(text: String, words: String) {
    #expect {
      try ProblemDescriptor(text)
    } throws: {
      "\($0)".contains(words)
    }
  }

  @Test(arguments: ["g", "mb", "ic", "ih", "oc", "oh", "kh", "sh", "dh", "ph"])
  func largestNumbers(key: String) {
    let most = "\(Int.max)"
    for text in [
      "ic1ih8oc1kh1", "ic1ih8oc1oh8kh1", "ic1ih\(most)oc1kh1sh\(most)ph\(most)",
      "mb\(most)ic1ih\(most)oc1oh\(most)kh\(most)dh\(most)",
    ] where !text.contains(key) || key == "g" {
      // Any answer but a trap.
      _ = try? ProblemDescriptor(text + key + most)
    }
  }

  @Test func farPadsAsGiven() throws {
    let descriptor = try ProblemDescriptor(
      "ic1ih9oc1oh4kh2sh2ph0", padAfter: (0, 0))
    #expect(try descriptor.geometry(.nhwc).padBottom == 0)
    #expect(throws: DescriptorError.self) {
      try ProblemDescriptor("ic1ih9oc1oh4kh2sh2ph0", padAfter: (1, 1))
    }
  }

  @Test func shortDescriptorsMeanTheSame() throws {
    for name in LayerSets.names {
      for problem in try LayerSets.problems(set: name) {
        for layout in DataFormat.allCases {
          #expect(
            try ProblemDescriptor(problem.shortDescriptor).geometry(layout)
              == problem.geometry(layout))
        }
      }
    }
  }

  @Test func setsPartTheHeadline() throws {
    let more = NetworkLayers.all.map(\.key)
    let networks = LayerSets.names.filter {
      !(["headline", "tiny"] + more).contains($0)
    }
    let names = try networks.flatMap { name in
      try LayerSets.problems(set: name).map(\.name)
    }
    #expect(Set(names) == Set(LayerTable.headline.map(\.name)))
    #expect(names.count == LayerTable.headline.count)
    #expect(throws: Failure.self) { try LayerSets.problems(set: "nonsense") }
  }

  /// No layer of other networks is there twice, or in the headline table.
  @Test func otherNetworksAreDistinct() throws {
    var seen = Set(
      try LayerSets.problems(set: "headline").map { try $0.geometry(.nhwc) })
    var names: Set<String> = []
    for (network, descriptors) in NetworkLayers.all {
      for descriptor in descriptors {
        let problem = try LayerSets.problem(descriptor)
        let name = try #require(problem.name)
        #expect(name.hasPrefix(network + "_"))
        #expect(names.insert(name).inserted, "\(name)")
        #expect(
          seen.insert(try problem.geometry(.nhwc)).inserted, "\(name)")
      }
    }
  }
}
