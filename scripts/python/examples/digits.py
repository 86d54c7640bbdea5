"""Trains a small decoder on scikit-learn's digits: this library's gradients in
a PyTorch autograd function, against PyTorch's own.

    python digits.py                 both, their losses and times
    python digits.py --epochs 3

An image of 8x8 is decoded from the 16 means of its 2x2 squares by two
transposed convolutions. Sources/digits trains the same decoder in Swift.
"""

import argparse
import time

import numpy as np
import torch
from sklearn.datasets import load_digits

import convolutions

BATCH, RATE, MOMENTUM = 64, 0.1, 0.9


class ConvTranspose(torch.autograd.Function):
    """A transposed convolution, channels last, with all of its gradients."""

    @staticmethod
    def forward(ctx, input, filter, output_shape, strides, padding):
        ctx.save_for_backward(input, filter)
        ctx.arguments = {"strides": strides, "padding": padding}
        return convolutions.conv2d_transpose(
            input.detach(), filter.detach(), output_shape, strides, padding)

    @staticmethod
    def backward(ctx, gradient):
        input, filter = (tensor.detach() for tensor in ctx.saved_tensors)
        gradient = gradient.contiguous()
        # The gradient of an input gradient is the convolution; its filter
        # meets the pixels the other way round.
        of_input = convolutions.conv2d(gradient, filter, **ctx.arguments)
        of_filter = convolutions.conv2d_backprop_filter(
            gradient, filter.shape, input, [1, *ctx.arguments["strides"], 1],
            ctx.arguments["padding"])
        return of_input, of_filter, None, None, None


def ours(input, filter, size, stride, padding):
    shape = (input.shape[0], size, size, filter.shape[2])
    return ConvTranspose.apply(input, filter, shape, [stride] * 2, padding)


def pytorchs(input, filter, size, stride, padding):
    # SAME of a kernel of 4 and a stride of 2 is one pixel on each side.
    result = torch.nn.functional.conv_transpose2d(
        input.permute(0, 3, 1, 2), filter.permute(3, 2, 0, 1), stride=stride,
        padding=1 if padding == "SAME" else 0)
    assert result.shape[2] == size
    return result.permute(0, 2, 3, 1)


def numbers(seed):
    """The generator of Sources/digits: uniform in -1 ..< 1."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (seed >> 40) / 2**23 - 1


def weights(shape, fan_in, draw):
    scale = np.float32((3 / fan_in) ** 0.5)
    values = np.array(
        [next(draw) for _ in range(int(np.prod(shape)))], np.float32)
    return torch.from_numpy(values.reshape(shape) * scale)


def train(layer, epochs):
    """The mean loss of each epoch, and the seconds they took."""
    pixels = (load_digits().images / 16).astype(np.float32)[..., None]
    codes = pixels.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 1, 1, 16)
    pixels, codes = torch.from_numpy(pixels), torch.from_numpy(codes)
    draw = numbers(7)
    parameters = [
        weights((4, 4, 32, 16), 16, draw), torch.zeros(32),
        weights((4, 4, 1, 32), 32 * 4, draw), torch.zeros(1)]
    speeds = [torch.zeros_like(parameter) for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_()
    losses = []
    start = time.perf_counter()
    for _ in range(epochs):
        sum, batches = 0.0, len(pixels) // BATCH
        for batch in range(batches):
            rows = slice(batch * BATCH, (batch + 1) * BATCH)
            first, bias, second, last_bias = parameters
            hidden = torch.relu(
                layer(codes[rows], first, 4, 1, "VALID") + bias)
            image = layer(hidden, second, 8, 2, "SAME") + last_bias
            loss = ((image - pixels[rows]) ** 2).mean()
            gradients = torch.autograd.grad(loss, parameters)
            sum += loss.item()
            with torch.no_grad():
                for parameter, speed, gradient in zip(
                        parameters, speeds, gradients):
                    speed.mul_(MOMENTUM).add_(gradient)
                    parameter -= RATE * speed
        losses.append(sum / batches)
    return losses, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=10)
    epochs = parser.parse_args().epochs
    results = {}
    for name, layer in [("convolutions", ours), ("PyTorch", pytorchs)]:
        train(layer, 1)
        results[name] = train(layer, epochs)
        print(f"{name}: {results[name][1]:.2f} s")
    print("epoch  " + "  ".join(f"{name:>12}" for name in results))
    for epoch, losses in enumerate(zip(*(r[0] for r in results.values()))):
        print(f"{epoch + 1:5}  " + "  ".join(
            f"{loss:12.7f}" for loss in losses))


if __name__ == "__main__":
    main()
