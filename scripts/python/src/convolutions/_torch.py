"""PyTorch's tensors, as far as their memory is their value.

PyTorch is looked for among the modules that the program has loaded; this package
does not import it.
"""

import sys


def is_tensor(value):
    kind = getattr(sys.modules.get("torch"), "Tensor", None)
    return kind is not None and isinstance(value, kind)


def look(tensor, name):
    """Address, shape, strides in scalars, and the name of the type.

    Raises TypeError for a tensor whose values are not what its memory holds,
    ValueError for one with a gradient that would be lost, or without memory.
    """
    torch = sys.modules["torch"]
    what = _elsewhere(torch, tensor, name)
    if what:
        raise TypeError(f"{name} is {what}")
    if tensor.requires_grad:
        raise ValueError(
            f"{name} cannot be shared: it requires a gradient, which these "
            f"functions do not record; give {name}.detach()")
    if _has_tangent(torch, tensor):
        raise ValueError(
            f"{name} cannot be shared: it carries a gradient of forward mode, "
            f"which these functions do not hand on; give {name}.detach()")
    address = tensor.data_ptr()
    held = tensor.untyped_storage().nbytes()
    first = tensor.storage_offset()
    if tensor.numel() and (
            first + tensor.numel()) * tensor.element_size() > held:
        raise ValueError(
            f"{name} has lost its memory: {held} bytes are left of it")
    dtype = str(tensor.dtype).split(".")[-1]
    return address, tuple(tensor.shape), tensor.stride(), dtype


def _elsewhere(torch, tensor, name):
    """What a tensor is whose values are not in its memory, or None."""
    kind = type(tensor)
    if kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        return (
            f"a {kind.__name__}, whose values are not in memory of its own; "
            "give a plain tensor")
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return (
            "a tensor inside a transform of torch.func, such as vmap or grad, "
            "and has no values there; call this outside of the transform")
    if torch.jit.is_tracing():
        return (
            "an operand inside torch.jit.trace, which would keep the result "
            "as a constant; call this outside of the trace")
    if tensor.is_nested:
        return "a nested tensor; give the tensors of its unbind() one by one"
    if tensor.is_quantized:
        return f"a quantized tensor; give {name}.dequantize()"
    if tensor.layout is not torch.strided:
        return (
            f"a tensor of the layout {tensor.layout}, which is not dense; give "
            f"{name}.to_dense()")
    if tensor.device.type == "meta":
        return "a meta tensor, which has no values; it must be on a CPU"
    if tensor.device.type != "cpu":
        return f"on the device {tensor.device}; it must be on a CPU"
    if tensor._is_zerotensor():
        return f"zeros without memory; give {name}.clone()"
    if tensor.is_neg():
        return (
            "a negated view, whose memory holds the values without the minus "
            f"sign; give {name}.resolve_neg()")
    return None


def _has_tangent(torch, tensor):
    forward = torch.autograd.forward_ad
    return (
        forward._current_level >= 0
        and forward.unpack_dual(tensor).tangent is not None)
