"""Set-up: the virtual environment, the packages, the executable, the facts.

Only the standard library here: it runs before the environment is there.
"""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import venv

ROOT = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What pip is asked for, by the package imported; the first that can be had. A
# local version as torch's is the build for CPUs alone.
REQUIREMENTS = {
    "numpy": ["numpy"],
    "torch": ["torch==2.13.0+cpu", "torch"],
    "tensorflow": ["tensorflow-cpu", "tensorflow"],
    "jax": ["jax"],
    "openvino": ["openvino"],
    "onnxruntime": ["onnxruntime"],
    "onnx": ["onnx"],
}


# What asks each library for the kernels of an instruction set at most.
LOWERED = {
    "avx2": {
        "CONVOLUTIONS_MAX_ISA": "avx2", "OPENBLAS_CORETYPE": "Haswell",
        "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
}


def say(line):
    print(f"peers: {line}", file=sys.stderr, flush=True)


def enter(folder):
    """Goes on inside the virtual environment, which is made if need be."""
    folder = os.path.abspath(folder)
    if os.path.realpath(sys.prefix) == os.path.realpath(folder):
        return
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        say(f"making a virtual environment in {folder}")
        try:
            venv.create(folder, with_pip=True)
        except subprocess.CalledProcessError:
            sys.exit("peers: Python's venv is incomplete; on Debian or Ubuntu: "
                     "apt-get install python3-venv")
    os.execv(python, [python, *sys.argv])


def install(packages):
    """Installs what is missing.

    Returns the packages that cannot be had.
    """
    missing = []
    for package in packages:
        if importlib.util.find_spec(package) is not None:
            continue
        for requirement in REQUIREMENTS[package]:
            say(f"installing {requirement}")
            status = subprocess.call(
                [sys.executable, "-m", "pip", "install", "--quiet",
                 requirement], stdout=sys.stderr)
            if status == 0:
                break
        else:
            missing.append(package)
    importlib.invalidate_caches()
    return missing


def build():
    """Builds convbench; returns its path."""
    say("building convbench (release)")
    command = ["swift", "build", "-c", "release"]
    try:
        subprocess.run([*command, "--product", "convbench"], cwd=ROOT,
                       check=True, stdout=sys.stderr)
        folder = subprocess.run(
            [*command, "--show-bin-path"], cwd=ROOT, check=True,
            capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"peers: convbench cannot be built: {error}")
    return os.path.join(folder, "convbench")


def contenders_environment(keep_openblas, isa=None):
    """The variables for all: OpenBLAS picks the kernels for the CPU.

    With an instruction set, of it at most.
    """
    variables = dict(os.environ)
    # convbench would print into its answers.
    variables.pop("CONVOLUTIONS_VERBOSE", None)
    if not keep_openblas:
        variables.pop("OPENBLAS_CORETYPE", None)
        variables.pop("OPENBLAS_L2_SIZE", None)
    return variables | LOWERED.get(isa, {})


def peer_environment(kind, threads, variables):
    """Those for a peer's process besides: its threads, and no chatter."""
    count = str(threads)
    path = [os.path.join(ROOT, "scripts"), variables.get("PYTHONPATH")]
    return variables | {
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        # XLA's, whose name this is.
        "NPROC": count,
        "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "",
    } | kind.environment


def versions(packages):
    """The installed versions, by the package imported."""
    names = importlib.metadata.packages_distributions()
    return {
        package: importlib.metadata.version(names[package][0])
        for package in packages if package in names}


def facts(convbench, variables):
    """What figures depend on, as `convbench env` knows it."""
    lines = subprocess.run(
        [convbench, "env"], env=variables, check=True, text=True,
        stdout=subprocess.PIPE).stdout.splitlines()
    pairs = (line.split("  ", 1) for line in lines if "  " in line)
    values = {label: value.strip() for label, value in pairs}
    return {
        "cpu": values["CPU"], "cores": int(values["cores available"]),
        "openblas": values["OpenBLAS"],
        "openblas_core": values["OpenBLAS core"],
    }
