"""Who takes part: the peers, and the variants of this package's engine."""

import dataclasses
import itertools


@dataclasses.dataclass(frozen=True)
class PeerKind:
    """A way to use a library: where it is, what it needs."""

    # module:class within this package
    implementation: str
    packages: tuple
    environment: dict = dataclasses.field(default_factory=dict)
    # Whether it can be asked for an older instruction set.
    obeys_isa: bool = True


PEERS = {
    "torch": PeerKind("torch_peer:TorchPeer", ("torch",)),
    "torch-cl": PeerKind("torch_peer:ChannelsLastPeer", ("torch",)),
    "tf": PeerKind(
        "tensorflow_peer:TensorFlowPeer", ("tensorflow",),
        {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    "tf-onednn": PeerKind(
        "tensorflow_peer:TensorFlowPeer", ("tensorflow",),
        {"TF_ENABLE_ONEDNN_OPTS": "1"}),
    "jax": PeerKind("jax_peer:JaxPeer", ("jax",), obeys_isa=False),
    "openvino": PeerKind("openvino_peer:OpenVINOPeer", ("openvino",)),
    "onnxruntime": PeerKind(
        "onnxruntime_peer:ONNXRuntimePeer", ("onnxruntime", "onnx"),
        obeys_isa=False),
    # Not compared: what the others are checked with.
    "truth": PeerKind("torch_peer:TruthPeer", ("torch",)),
}

PEER_NAMES = [name for name in PEERS if name != "truth"]


@dataclasses.dataclass(frozen=True)
class Variant:
    """Options of this package's engine."""

    layout: str
    accuracy: str
    algorithm: str

    @property
    def arguments(self):
        return ["--layout", self.layout, "--accuracy", self.accuracy,
                "--algorithm", self.algorithm]


# What stands for the engine where only the peers take part.
NOBODY = Variant(None, None, None)


def variants(layouts, accuracies, algorithms):
    """Every combination under its name: `ours`, with what differs."""
    choices = (layouts, accuracies, algorithms)
    named = {}
    for combination in itertools.product(*choices):
        words = [
            word for word, several in zip(combination, choices)
            if len(several) > 1]
        named["-".join(["ours", *words])] = Variant(*combination)
    return named
