"""The examples do what they say."""

import os
import pathlib
import subprocess
import sys

import pytest
import sklearn

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))


def test_digits_train_alike(tmp_path):
    import digits

    epochs = 4
    ours, seconds = digits.train(digits.ours, epochs)
    theirs, their_seconds = digits.train(digits.pytorchs, epochs)
    print(f"convolutions {seconds:.2f} s, PyTorch {their_seconds:.2f} s")
    print(ours, theirs)
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert ours[-1] < 0.6 * ours[0]

    # The same in Swift, from the same file.
    program = os.environ.get("CONVOLUTIONS_DIGITS")
    if not program:
        pytest.skip("CONVOLUTIONS_DIGITS names no program")
    import gzip
    packed = (
        pathlib.Path(sklearn.__file__).parent / "datasets/data/digits.csv.gz")
    file = tmp_path / "digits.csv"
    file.write_bytes(gzip.decompress(packed.read_bytes()))
    output = subprocess.run(
        [program, str(file), "--epochs", str(epochs)], check=True,
        capture_output=True, text=True).stdout
    print(output)
    losses = [float(line.split()[3]) for line in output.splitlines()]
    assert losses == pytest.approx(ours, abs=1e-4)


def test_dask_gives_the_same_bits():
    # Workers are new processes, which a script must start.
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / "dask_batch.py")],
        capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "4 blocks, the same bits" in result.stdout
