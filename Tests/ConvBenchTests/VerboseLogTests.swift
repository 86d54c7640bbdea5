import ConvolutionTestSupport
import Convolutions
import Foundation
import Testing

@testable import convbench

@Suite struct VerboseLogTests {
  private static func log(_ lines: String...) -> VerboseLog {
    VerboseLog(Data(lines.joined(separator: "\n").utf8))
  }

  /// What PyTorch made oneDNN 3.12 print: a few convolutions and transposed
  /// ones, one with integers, the last lines with time stamps.
  private static let genuine = try! Data(
    contentsOf: Bundle.module.url(
      forResource: "onednn_verbose", withExtension: "txt")!)

  private static let line =
    "onednn_verbose,primitive,exec,cpu,convolution,jit:avx512_core,"
    + "backward_data,src_f32::blocked:acdb::f0 wei_f32::blocked:AcdB16a64b::f0 "
    + "bia_undef::undef::: dst_f32::blocked:acdb::f0,attr-scratchpad:user,"
    + "alg:convolution_direct,mb8_ic64oc128_ih56oh28kh3sh2dh0ph1_"
    + "iw56ow28kw3sw2dw0pw1,0.5"

  /// A problem in words: operation, type, layout, calls, descriptor.
  private func words(_ problem: VerboseLog.Problem) -> String {
    [
      "\(problem.calls.count)x", problem.operation.rawValue,
      problem.type.rawValue, problem.layout?.layoutName ?? "any",
      problem.problem.shortDescriptor,
    ].joined(separator: " ")
  }

  @Test func genuineLog() throws {
    let log = VerboseLog(Self.genuine)
    #expect(
      log.problems.map(words) == [
        "3x forward f32 any mb2ic16ih14oc32oh14kh3ph1",
        "2x input-gradient f32 any mb2ic16ih14oc32oh14kh3ph1",
        "2x filter-gradient f32 any mb2ic16ih14oc32oh14kh3ph1",
        "1x forward f32 nhwc mb2ic16ih15iw13oc32oh8ow7kh3kw3sh2sw2ph1pw1",
        "1x input-gradient f32 nhwc mb2ic16ih15iw13oc32oh8ow7kh3kw3sh2sw2ph1pw1",
        "1x filter-gradient f32 nhwc mb2ic16ih15iw13oc32oh8ow7kh3kw3sh2sw2ph1pw1",
        "1x forward f32 nhwc g32mb2ic32ih14oc32oh14kh3dh1ph2",
        "1x input-gradient f32 nhwc g32mb2ic32ih14oc32oh14kh3dh1ph2",
        "1x filter-gradient f32 nhwc g32mb2ic32ih14oc32oh14kh3dh1ph2",
        // A transposed convolution of 16 channels to 8, and its gradients.
        "1x input-gradient f32 nhwc mb2ic8ih14oc16oh7kh4sh2ph1",
        "1x forward f32 any mb2ic8ih14oc16oh7kh4sh2ph1",
        "1x filter-gradient f32 any mb2ic8ih14oc16oh7kh4sh2ph1",
        "1x forward bf16 any mb2ic16ih14oc32oh14kh3ph1",
        "1x input-gradient bf16 any mb2ic16ih14oc32oh14kh3ph1",
        "1x filter-gradient bf16 any mb2ic16ih14oc32oh14kh3ph1",
        "1x forward f32 any mb2ic4iw20oc8ow20kw5pw2",
        "1x input-gradient f32 any mb2ic4iw20oc8ow20kw5pw2",
        "1x filter-gradient f32 any mb2ic4iw20oc8ow20kw5pw2",
      ])
    let first = try #require(log.problems.first)
    #expect(first.named.name == "3x")
    #expect(first.calls.least == 7.24194)
    #expect(first.calls.total == 7.24194 + 8.97998 + 11.7551)
    #expect(log.ignored == ["reorder": 2])
    #expect(
      log.skipped == [
        .init(reason: "convolution: type u8, s8, u8", line: 30, count: 1)
      ])
    #expect(
      log.remarks("a.log") == [
        "convbench: a.log:30: skipped 1 call: convolution: type u8, s8, u8",
        "convbench: a.log: other primitives: reorder 2",
      ])
  }

  /// The forms of oneDNN 1, 2 and 3, in the middle of what else a program says.
  @Test(arguments: [
    (
      "dnnl_verbose,exec,cpu,convolution,jit:avx2,forward_inference,"
        + "src_f32::blocked:abcd:f0 wei_f32::blocked:Acdb8a:f0 "
        + "bia_f32::blocked:a:f0 dst_f32::blocked:abcd:f0,,"
        + "alg:convolution_direct,mb1_ic3oc96_ih227oh55kh11sh4dh0ph0_"
        + "iw227ow55kw11sw4dw0pw0,1.21704",
      "1x forward f32 nchw mb1ic3ih227oc96oh55kh11sh4ph0"
    ),
    (
      "#49: dnnl_verbose,1620000000123.45,exec,cpu,convolution,gemm:jit,"
        + "backward_weights,src_f32::blocked:acdb:f0 wei_f32::blocked:cdba:f0 "
        + "bia_undef::undef::f0 dst_f32::blocked:acdb:f0,"
        + "post_ops:'eltwise_relu;';,alg:convolution_direct,"
        + "g2mb1_ic4oc6_ih4oh4kh3sh1dh0ph1_iw4ow4kw3sw1dw0pw1",
      "1x filter-gradient f32 nhwc g2mb1ic4ih4oc6oh4kh3ph1"
    ),
    (
      "[12:00] onednn_verbose,v1,primitive,exec,gpu:0,deconvolution,jit:ir,"
        + "backward_data,diff_src_f16:p:blocked:acb::f0 "
        + "wei_f16:p:blocked:acb::f0 diff_dst_f16:p:blocked:acb::f0,,"
        + "alg:deconvolution_direct,mb2_ic3oc5_iw4ow9kw3sw2dw0pw0,1e-3\r",
      "1x forward f16 nhwc mb2ic5iw9oc3ow4kw3sw2pw0"
    ),
    (
      "convolutions_verbose,primitive,exec,cpu,convolution,winograd,"
        + "backward_data,src_f64::blocked:abcd::f0 wei_f64::blocked:cdba::f0 "
        + "bia_undef::undef::: dst_f64::blocked:abcd::f0,"
        + "threads:2 workspace:1024 isa:avx2,alg:convolution_winograd,"
        + "mb1ic2ih4iw4oc3oh4ow4kh3kw3sh1sw1dh0dw0ph1pw1,0.0125",
      "1x input-gradient f64 nchw mb1ic2ih4oc3oh4kh3ph1"
    ),
    // Before oneDNN had its name: no types; engines and types since 1.0; no
    // implementations at first.
    (
      "mkldnn_verbose,exec,convolution,jit:avx512_common,forward_training,"
        + "fsrc:nchw fwei:Ohwi16o fbia:x fdst:nChw16c,alg:convolution_direct,"
        + "mb64_ic3oc64_ih224oh55kh11sh4dh0ph2_iw224ow55kw11sw4dw0pw2,15.6321",
      "1x forward f32 any mb64ic3ih224oc64oh55kh11sh4ph2"
    ),
    (
      "mkldnn_verbose,exec,convolution,forward_inference,fsrc:nhwc fwei:hwio "
        + "fbia:x fdst:nhwc,alg:convolution_direct,"
        + "mb2_g1ic16oc16_ih7oh7kh5sh1dh0ph2_iw7ow7kw5sw1dw0pw2,0.0170898",
      "1x forward f32 nhwc mb2ic16ih7oc16oh7kh5ph2"
    ),
    (
      "mkldnn_verbose,exec,deconvolution,ref:any,forward_inference,fsrc:nchw "
        + "fwei:oihw fbia:x fdst:nchw,alg:deconvolution_direct,"
        + "mb1_g1ic16oc8_ih4oh8kh2sh2dh0ph0_iw4ow8kw2sw2dw0pw0,7",
      "1x input-gradient f32 nchw mb1ic8ih8oc16oh4kh2sh2ph0"
    ),
    (
      "mkldnn_verbose,exec,convolution,gemm_bf16:jit,backward_weights,fsrc:nwc "
        + "fwei:wio fbia:undef fdst:nwc,alg:convolution_direct,"
        + "mb1_g1ic4oc4_iw9ow9kw3sw1dw0pw1,0.5",
      "1x filter-gradient bf16 nhwc mb1ic4iw9oc4ow9kw3pw1"
    ),
    (
      "mkldnn_verbose,exec,cpu,convolution,jit:avx2,backward_data,"
        + "src_f32::blocked:aBcd8b:f0 wei_f32::blocked:ABcd8a8b:f0 "
        + "bia_undef::undef::f0 dst_f32::blocked:aBcd8b:f0,"
        + "alg:convolution_direct,"
        + "mb128_ic64oc64_ih14oh7kh3sh2dh0ph0_iw14ow7kw3sw2dw0pw0,9.69995",
      "1x input-gradient f32 any mb128ic64ih14oc64oh7kh3sh2ph0"
    ),
  ])
  func forms(line: String, problem: String) {
    let log = Self.log("Epoch 1", line, "loss 0.5")
    #expect(log.problems.map(words) == [problem])
    #expect(log.skipped.isEmpty && log.ignored.isEmpty)
  }

  @Test func othersAreNoCalls() {
    let log = Self.log(
      "", "onednn_verbose,", "onednn_verbose,exec", "exec,cpu,convolution",
      "onednn_verbose,v1,info,cpu,runtime:OpenMP,nthr:2",
      Self.line.replacingOccurrences(of: ",exec,", with: ",create:cache_hit,"),
      Self.line.replacingOccurrences(of: ",exec,", with: ",exec:check,"),
      "onednn_verbose,v1,graph,exec,cpu,100002,misc_post_ops,conv,,,0.5")
    #expect(log.problems.isEmpty && log.skipped.isEmpty)
    #expect(log.ignored == ["graph": 1])
  }

  @Test(arguments: [
    ("backward_data", "backward_bias", "propagation 'backward_bias'"),
    ("dst_f32", "dst_s32", "type f32, f32, s32"),
    ("src_f32", "src_f4_e2m1", "type f4_e2m1, f32, f32"),
    ("dst_f32", "", "the line is damaged"),
    ("_ih56oh28", "_id8od8kd3sd1dd0pd1_ih56oh28", "three-dimensional"),
    ("sh2dh0", "sh0dh0", "at least 1"),
    ("ih56", "ih99999999999999999999", "too large"),
    ("mb8_", "mb9223372036854775807_", "too large"),
    ("kw3sw2dw0pw1", "kw", "a number must follow 'kw'"),
    (",0.5", ",0.5.5", "'0' where a letter should be"),
    ("dh0ph1_iw56ow28kw3sw2dw0pw1,0.5", "dh0ph1,1,2,3", "'1' where a letter"),
  ])
  func skipped(part: String, replacement: String, words: String) throws {
    let line = Self.line.replacingOccurrences(of: part, with: replacement)
    let log = Self.log("first", line, Self.line, line)
    #expect(log.problems.count == 1)
    let skipped = try #require(log.skipped.first)
    #expect(skipped.line == 2 && skipped.count == 2)
    #expect(skipped.reason.contains(words))
  }

  @Test(arguments: ["nan", "-1", "inf", "1e999"])
  func timesThatAreNone(time: String) throws {
    let log = Self.log(
      Self.line.replacingOccurrences(of: ",0.5", with: ",\(time)"))
    let calls = try #require(log.problems.first).calls
    #expect(calls == LoggedCalls(count: 1, least: nil, total: nil))
  }

  /// Printed where the decimal separator is a comma, or an Arabic one.
  @Test(arguments: [
    ("118,412", 118.412), ("0,5", 0.5), ("12,3723", 12.3723),
    ("1,5e-05", 1.5e-05), ("7", 7), ("1e-3", 1e-3), ("0\u{66B}25", 0.25),
  ])
  func timesOfOtherPlaces(text: String, milliseconds: Double) throws {
    let old =
      "mkldnn_verbose,exec,convolution,jit_1x1:avx2,forward_training,"
      + "fsrc:nChw8c fwei:OIhw8i8o fbia:undef fdst:nChw8c,"
      + "alg:convolution_direct,mb48_ic960oc1920_ih16oh16kh1sh1dh0ph0_"
      + "iw16ow16kw1sw1dw0pw0,0.5"
    let stamped = Self.line.replacingOccurrences(
      of: "verbose,", with: "verbose,1620000000123,45,")
    for line in [Self.line, old, stamped] {
      let log = Self.log(
        line.replacingOccurrences(of: ",0.5", with: ",\(text)"))
      #expect(log.skipped.isEmpty)
      let calls = try #require(log.problems.first).calls
      #expect(calls.least == milliseconds)
    }
  }

  @Test func sumsOfTimesStayNumbers() throws {
    let line = Self.line.replacingOccurrences(of: ",0.5", with: ",1.7e308")
    let calls = try #require(Self.log(line, line).problems.first).calls
    var row = BenchRow(
      name: "", shortProblem: "", type: .float32,
      geometry: try ProblemDescriptor("mb1ic1ih1oc1kh1").geometry(.nhwc))
    row.logged = calls
    let text = try Report(
      environment: .init(items: [], warning: nil), rows: [row]
    ).rendered(.json)
    #expect(text.contains("\"logged_total_ms\" : \"inf\""))
  }

  /// Any answer but a trap.
  @Test func damagedBytes() {
    var generator = SeededGenerator(seed: 7)
    let numbers = ["-1", "9223372036854775807", "18446744073709551616", ""]
    for _ in 0..<300 {
      var bytes = Array(Self.genuine)
      for _ in 0..<generator.int(1...40) {
        let place = generator.int(0...bytes.count - 1)
        switch generator.int(0...3) {
        case 0: bytes[place] = UInt8(generator.int(0...255))
        case 1: bytes.remove(at: place)
        case 2:
          let end = min(bytes.count, place + generator.int(1...60))
          bytes.removeSubrange(place..<end)
        default:
          bytes.insert(
            contentsOf: numbers[generator.int(0...3)].utf8, at: place)
        }
      }
      let log = VerboseLog(Data(bytes))
      for problem in log.problems {
        #expect(problem.calls.count > 0)
        #expect(
          (try? problem.problem.geometry(problem.layout ?? .nhwc)) != nil)
      }
      _ = log.remarks("x")
    }
  }

  @Test func manyReasonsAreSummedUp() {
    let lines = (1...30).map {
      Self.line.replacingOccurrences(of: "backward_data", with: "b\($0)")
    }
    let log = VerboseLog(Data(lines.joined(separator: "\n").utf8))
    let remarks = log.remarks("x")
    #expect(remarks.count == 21)
    #expect(
      remarks.last == "convbench: x: skipped 10 calls for 10 more reasons")
  }
}
