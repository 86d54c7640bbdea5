"""An input gradient over a Dask cluster, some images a worker: the same bits as
on one machine.

    python dask_batch.py                       a cluster of two local processes
    python dask_batch.py tcp://HOST:8786       one that is there

Each block of out_backprop's first dimension is one execution. The algorithm is
chosen once, for the whole batch: each image then has the bits that it has there.
"""

import functools
import sys

import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster

import convolutions


@functools.lru_cache
def plan(batch, image, filter_sizes, output, **arguments):
    """The plan of some images; every block of so many has the same."""
    return convolutions.InputGradientPlan(
        (batch, *image), filter_sizes, (batch, *output), **arguments)


def gradient(block, filter, image, arguments):
    """The gradient of some images."""
    return plan(
        block.shape[0], image, filter.shape, block.shape[1:], **arguments
    ).execute(filter, block)


def conv2d_backprop_input(
        client, input_sizes, filter, out_backprop, **arguments):
    """Lazily, on a dask array with blocks of whole images.

    arguments: of a plan, as tuples.
    """
    batch, *image = input_sizes
    arguments["dtype"] = out_backprop.dtype.name
    whole = plan(
        batch, tuple(image), filter.shape, out_backprop.shape[1:], **arguments)
    arguments["algorithm"] = whole.algorithm
    [filter] = client.scatter([filter], broadcast=True)
    return da.map_blocks(
        gradient, out_backprop, filter, tuple(image), arguments,
        dtype=out_backprop.dtype,
        chunks=(out_backprop.chunks[0], *((size,) for size in image)),
        meta=np.empty((0,) * 4, out_backprop.dtype))


def main(address=None):
    draw = np.random.default_rng(1)
    sizes, filter_sizes, output_sizes = (
        [16, 56, 56, 64], [3, 3, 64, 64], [16, 56, 56, 64])
    filter = draw.standard_normal(filter_sizes, np.float32)
    output = draw.standard_normal(output_sizes, np.float32)
    arguments = {"padding": "SAME"}
    cluster = address or LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None)
    with Client(cluster) as client:
        lazy = conv2d_backprop_input(
            client, sizes, filter,
            da.from_array(output, chunks=(4, *output_sizes[1:])), **arguments)
        result = lazy.compute()
    if not address:
        cluster.close()
    whole = convolutions.InputGradientPlan(
        sizes, filter_sizes, output_sizes, **arguments
    ).execute(filter, output)
    equal = result.tobytes() == whole.tobytes()
    print(f"{lazy.npartitions} blocks, "
          f"{'the same bits' if equal else 'other bits'} as on one machine")
    return equal


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:]))
