/// Parts of a thread's workspace, one after the other, each from a cache line on.
///
/// A kernel lays its parts out in one function: on a workspace it says where they
/// lie, on none how much there is to them.
struct Scratch {
  private let start: UnsafeMutableRawPointer
  private var end: UnsafeMutableRawPointer

  init(_ workspace: UnsafeMutableRawPointer) {
    start = workspace
    end = workspace
  }

  /// Bytes of what `layOut` asks for.
  static func byteCount<Parts>(_ layOut: (inout Scratch) -> Parts) -> Int {
    var scratch = Scratch(
      UnsafeMutableRawPointer(bitPattern: Workspace.alignment)!)
    _ = layOut(&scratch)
    return scratch.end - scratch.start
  }

  /// The next part, of so many elements.
  mutating func next<Element>(
    _ count: Int, _ type: Element.Type = Element.self
  ) -> UnsafeMutablePointer<Element> {
    let part = end.assumingMemoryBound(to: type)
    end += Workspace.padded(count * MemoryLayout<Element>.stride)
    return part
  }
}
