import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

@testable import convbench

@Suite struct NumPyFileTests {
  /// The bytes of a file with this header text and payload.
  private func file(
    _ header: String, payload: Int = 4, version: UInt8 = 1, minor: UInt8 = 0
  ) -> Data {
    let length = UInt32(header.utf8.count)
    let bytes = (0..<(version == 1 ? 2 : 4)).map {
      UInt8(truncatingIfNeeded: length >> (8 * UInt32($0)))
    }
    return Data([0x93]) + Data("NUMPY".utf8) + [version, minor] + bytes
      + Data(header.utf8) + Data(count: payload)
  }

  private func header(
    _ descriptor: String = "'<f4'", order: String = "False",
    shape: String = "(1, 1, 1, 1)"
  ) -> String {
    "{'descr': \(descriptor), 'fortran_order': \(order), 'shape': \(shape), }"
      + "  \n"
  }

  private func roundTrip<Scalar: ConvolutionScalar & Equatable>(
    _ scalars: [Scalar], shape: [Int], descriptor: String,
    declared: ScalarType? = nil
  ) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.npy")
    try NumPyFile.write(
      Tensor(shape: shape, scalars: scalars), typeDescriptor: descriptor,
      path: path)
    let read = try NumPyFile(path: path)
    #expect(read.shape == shape)
    #expect(read.typeDescriptor == descriptor)
    #expect(
      try read.scalarType(declared: declared) == Scalar.scalarType)
    #expect(read.scalars(Scalar.self) == scalars)
    let size = try Data(contentsOf: URL(fileURLWithPath: path)).count
    #expect(
      (size - scalars.count * MemoryLayout<Scalar>.stride).isMultiple(of: 64))
    #expect(try folder.contents() == ["a.npy"])
  }

  @Test func everyTypeComesBack() throws {
    try roundTrip([1.5, -0.25] as [Float], shape: [1, 2], descriptor: "<f4")
    try roundTrip([.pi, -.infinity] as [Double], shape: [2], descriptor: "<f8")
    try roundTrip(
      [65504, 6e-8] as [Float16], shape: [2, 1], descriptor: "<f2")
    for descriptor in ["<u2", "<V2", "|V2"] {
      try roundTrip(
        [BFloat16(1.5), BFloat16(-3)], shape: [1, 1, 1, 2],
        descriptor: descriptor, declared: .bfloat16)
    }
    try roundTrip([Float](), shape: [3, 0, 2], descriptor: "<f4")
    try roundTrip([7] as [Float], shape: [], descriptor: "<f4")
  }

  @Test func otherSpellings() throws {
    for text in [
      "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (1,)}",
      "{'shape':(1L,),'fortran_order':False,'descr':'=f4'}",
      header(shape: "(1, 1, 1, 1,)"),
    ] {
      for version in [1, 2, 3] as [UInt8] {
        let read = try NumPyFile(path: "x", data: file(text, version: version))
        #expect(read.scalars(Float.self) == [0])
      }
    }
  }

  @Test func aSliceOfDataIsRead() throws {
    let data = Data([1, 2, 3]) + file(header())
    #expect(try NumPyFile(path: "x", data: data.dropFirst(3)).shape.count == 4)
  }

  @Test func badFiles() {
    let good = file(header())
    let cases: [(Data, String)] = [
      (Data(), "not a .npy file"),
      (Data("NUMPY".utf8), "not a .npy file"),
      (good.prefix(6), "truncated"),
      (good.prefix(9), "truncated"),
      (good.prefix(30), "truncated"),
      (good.dropLast(), "truncated"),
      (good + [0], "oversized"),
      (file(header(), version: 4), "version is 4.0"),
      (file(header(), version: 1, minor: 1), "version is 1.1"),
      (file(header(order: "True")), "Fortran"),
      (file(header("'>f4'")), "type is >f4"),
      (file(header("'<i4'")), "type is <i4"),
      (file(header("''")), "type is "),
      (file(header("[('a', '<f4')]")), "structure"),
      (file(header(shape: "(1, -1)")), "header"),
      (file(header(shape: "(\(Int.max), 3)")), "too large"),
      (file(header(shape: "(99999999999999999999,)")), "too large"),
      (file(header(shape: "4")), "header"),
      (file(header(shape: "(4")), "header"),
      (file(header(order: "Maybe")), "header"),
      (file("hello"), "header"),
      (file("{}"), "header"),
      (file("{'descr': '<f4"), "header"),
      (file(header() + "x"), "header"),
      (file("{'descr': '<f4', 'descr': '<f4', "), "header"),
    ]
    for (data, words) in cases {
      #expect {
        try NumPyFile(path: "some.npy", data: data)
      } throws: { error in
        "\(error)".hasPrefix("some.npy: ") && "\(error)".contains(words)
      }
    }
    #expect(throws: NumPyError.self) { try NumPyFile(path: "/no/such.npy") }
  }

  @Test func everyPrefixIsRefused() {
    let good = file(header())
    for count in 0..<good.count {
      #expect(throws: NumPyError.self) {
        try NumPyFile(path: "x", data: good.prefix(count))
      }
    }
  }

  @Test func declaredTypeMustFit() throws {
    let floats = try NumPyFile(path: "x", data: file(header()))
    #expect(try floats.scalarType(declared: .float32) == .float32)
    #expect(throws: NumPyError.self) {
      try floats.scalarType(declared: .bfloat16)
    }
    let words = try NumPyFile(
      path: "x", data: file(header("'<u2'"), payload: 2))
    #expect(throws: NumPyError.self) { try words.scalarType(declared: nil) }
  }
}
