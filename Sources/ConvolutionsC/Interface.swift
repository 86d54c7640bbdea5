// Names are those of the header.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CConvolutions
import Convolutions

// The functions of convolutions.h, which says what they do.

@c @implementation
public func conv_version() -> UnsafePointer<CChar>? {
  UnsafeRawPointer(convolutionsVersionText.utf8Start)
    .assumingMemoryBound(to: CChar.self)
}

@c @implementation
public func conv_legal_input_sizes(
  _ outputSize: Int64, _ kernelSize: Int64, _ stride: Int64, _ dilation: Int64,
  _ padding: conv_padding, _ padBefore: Int64, _ padAfter: Int64,
  _ sizes: UnsafeMutablePointer<Int64>?,
  _ message: UnsafeMutablePointer<CChar>?, _ capacity: Int
) -> conv_status {
  Message(text: message, capacity: capacity).status { () throws(Failure) in
    let sizes = try required(sizes, "sizes")
    let legal = try legalInputSizes(
      outputSize: Int(outputSize), kernelSize: Int(kernelSize),
      stride: Int(stride), dilation: Int(dilation), padding: padding,
      pads: Padding.Pair(Int(padBefore), Int(padAfter)))
    sizes[0] = Int64(legal?.lowerBound ?? 0)
    sizes[1] = Int64(legal?.upperBound ?? -1)
  }
}

@c @implementation
public func conv_plan_create(
  _ problem: UnsafePointer<conv_problem>?,
  _ options: UnsafePointer<conv_options>?,
  _ plan: UnsafeMutablePointer<OpaquePointer?>?,
  _ message: UnsafeMutablePointer<CChar>?, _ capacity: Int
) -> conv_status {
  plan?.pointee = nil
  return Message(text: message, capacity: capacity).status {
    () throws(Failure) in
    let plan = try required(plan, "plan")
    let problem = try conv_problem(reading: required(problem, "problem"))
    var asked = conv_options()
    if let options { asked = try conv_options(reading: options) }
    plan.pointee = retained(try Plan(problem, asked))
  }
}

@c @implementation
public func conv_plan_destroy(_ plan: OpaquePointer?) {
  release(plan, as: Plan.self)
}

@c @implementation
public func conv_plan_describe(
  _ plan: OpaquePointer?, _ text: UnsafeMutablePointer<CChar>?, _ capacity: Int
) -> Int {
  let plan = object(plan, as: Plan.self)
  return Message(text: text, capacity: capacity)
    .write(plan.map { "\($0.plan)" } ?? "")
}

@c @implementation
public func conv_plan_result_sizes(
  _ plan: OpaquePointer?, _ sizes: UnsafeMutablePointer<Int64>?
) {
  guard let plan = object(plan, as: Plan.self)?.plan, let sizes else { return }
  for (index, size) in plan.geometry.sizes(of: plan.operation.result)
    .enumerated()
  {
    sizes[index] = Int64(size)
  }
}

@c @implementation
public func conv_plan_algorithm(_ plan: OpaquePointer?) -> conv_algorithm {
  guard let plan = object(plan, as: Plan.self)?.plan else { return 0 }
  return conv_algorithm(
    conv_options.algorithms.firstIndex(of: plan.algorithm) ?? 0)
}

@c @implementation
public func conv_plan_workspace_size(_ plan: OpaquePointer?) -> Int {
  object(plan, as: Plan.self)?.workspaceByteCount ?? 0
}

@c @implementation
public func conv_plan_prepared_filter_size(_ plan: OpaquePointer?) -> Int {
  object(plan, as: Plan.self)?.plan.preparedFilterByteCount ?? 0
}

@c @implementation
public func conv_plan_prepare_filter(
  _ plan: OpaquePointer?, _ filter: UnsafeRawPointer?,
  _ prepared: UnsafeMutablePointer<OpaquePointer?>?,
  _ message: UnsafeMutablePointer<CChar>?, _ capacity: Int
) -> conv_status {
  prepared?.pointee = nil
  return Message(text: message, capacity: capacity).status {
    () throws(Failure) in
    let prepared = try required(prepared, "prepared")
    let plan = try required(object(plan, as: Plan.self), "plan")
    prepared.pointee = retained(try plan.prepare(filter))
  }
}

@c @implementation
public func conv_filter_destroy(_ prepared: OpaquePointer?) {
  release(prepared, as: Filter.self)
}

@c @implementation
public func conv_plan_execute(
  _ plan: OpaquePointer?, _ first: UnsafeRawPointer?,
  _ second: UnsafeRawPointer?, _ result: UnsafeMutableRawPointer?,
  _ workspace: UnsafeMutableRawPointer?, _ workspaceSize: Int,
  _ message: UnsafeMutablePointer<CChar>?, _ capacity: Int
) -> conv_status {
  Message(text: message, capacity: capacity).status { () throws(Failure) in
    try required(object(plan, as: Plan.self), "plan").execute(
      first, nil, second, into: result, space(workspace, workspaceSize))
  }
}

@c @implementation
public func conv_plan_execute_prepared(
  _ plan: OpaquePointer?, _ filter: OpaquePointer?,
  _ second: UnsafeRawPointer?, _ result: UnsafeMutableRawPointer?,
  _ workspace: UnsafeMutableRawPointer?, _ workspaceSize: Int,
  _ message: UnsafeMutablePointer<CChar>?, _ capacity: Int
) -> conv_status {
  Message(text: message, capacity: capacity).status { () throws(Failure) in
    try required(object(plan, as: Plan.self), "plan").execute(
      nil, try required(object(filter, as: Filter.self), "filter"), second,
      into: result, space(workspace, workspaceSize))
  }
}

// MARK: - Handles

private func retained(_ object: AnyObject) -> OpaquePointer {
  OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

private func object<Object: AnyObject>(
  _ handle: OpaquePointer?, as type: Object.Type
) -> Object? {
  handle.map {
    Unmanaged<Object>.fromOpaque(UnsafeRawPointer($0)).takeUnretainedValue()
  }
}

private func release<Object: AnyObject>(
  _ handle: OpaquePointer?, as type: Object.Type
) {
  guard let handle else { return }
  Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).release()
}

private func space(
  _ workspace: UnsafeMutableRawPointer?, _ size: Int
) -> UnsafeMutableRawBufferPointer? {
  // More than half of all there is, is enough.
  workspace.map {
    UnsafeMutableRawBufferPointer(start: $0, count: size < 0 ? .max : size)
  }
}
