import Testing

@testable import Convolutions

@Suite("Memory of filters and workspaces is kept for the next")
struct KeptMemoryTests {
  /// Blocks that nobody touches.
  private func block(_ megabytes: Int) -> KeptMemory {
    KeptMemory(
      start: UnsafeMutableRawPointer(bitPattern: megabytes << 20)!,
      byteCount: megabytes << 20)
  }

  @Test func theSmallestThatFitsIsTaken() {
    var blocks = KeptMemory.Blocks()
    for size in [40, 9, 16] { #expect(blocks.keep(block(size)).isEmpty) }
    #expect(blocks.take(9 << 20)?.byteCount == 9 << 20)
    #expect(blocks.take(9 << 20)?.byteCount == 16 << 20)
    // Less than half of what is left.
    #expect(blocks.take(19 << 20) == nil)
    #expect(blocks.take(41 << 20) == nil)
    #expect(blocks.take(20 << 20)?.byteCount == 40 << 20)
    #expect(blocks.take(20 << 20) == nil)
  }

  @Test func theOldestGoes() {
    var blocks = KeptMemory.Blocks()
    for size in 10..<14 { #expect(blocks.keep(block(size)).isEmpty) }
    #expect(blocks.keep(block(14)).map(\.byteCount) == [10 << 20])
    #expect(blocks.take(10 << 20)?.byteCount == 11 << 20)
  }

  @Test(arguments: [0, 1, 3, 129, 4096])
  func neitherSmallNorHugeOnesAreKept(_ megabytes: Int) {
    var blocks = KeptMemory.Blocks()
    let block = block(max(1, megabytes))
    #expect(blocks.keep(block).map(\.start) == [block.start])
    #expect(blocks.take(megabytes << 20) == nil)
  }

  /// All of a block can be written, whoever had it before.
  @Test(arguments: [0, 1, 5 << 20, 9 << 20, 130 << 20])
  func memoryIsWhole(_ byteCount: Int) {
    for _ in 0..<8 {
      let memory = KeptMemory(byteCount: byteCount)
      #expect(memory.byteCount >= byteCount)
      #expect(UInt(bitPattern: memory.start) % 64 == 0)
      memory.start.initializeMemory(
        as: UInt8.self, repeating: 0xFF, count: byteCount)
      memory.deallocate()
    }
  }
}
