"""The checks that may notice a fault, the likeliest first."""

import dataclasses
import pathlib
import re
import signal

VERIFY = ".build/release/convbench verify"
UNIT = ".build/release/ConvolutionsPackageTests.xctest "\
    "--testing-library swift-testing"


@dataclasses.dataclass
class Check:
    name: str
    command: str
    needs: str  # what is to be built
    core: str = None
    # Finds in a line of output what ends the check at once.
    finds: object = None


def failed_case(line):
    if not line.startswith("failed: "):
        return None
    options = re.findall(r"--(suite|op|dtype|layout|algorithm) (\S+)", line)
    return " ".join(value for _, value in options) or line.strip()


def failed_test(line):
    match = re.search(
        r'✘ Test (.+?) (?:with .*)?recorded an issue.* at (\w+)\.swift', line)
    return match and f"{match.group(2)}.{match.group(1)}"


def failed_pytest(line):
    match = re.match(r"FAILED \S*?(\w+)\.py::([\w.\[\]-]+)", line)
    return match and f"{match.group(1)}.{match.group(2)}"


def verify(name, suites, cases, operation=None, core=None):
    command = f"{VERIFY} --suite {suites} --cases {cases}"
    if operation:
        command += f" --op {operation}"
    return Check(name, command, "convbench", core, failed_case)


def unit(name="unit", tests=None):
    return Check(
        name, UNIT + (f" --filter {tests}" if tests else ""), "tests", None,
        failed_test)


# The suites of unit tests that are the likeliest to notice, by list.
LIKELY = {
    "algorithms": "Winograd Choice GuardedMemory NonFinite WildNumber",
    "convbench": "Report Shard VerboseLog FromVerbose Turns",
    "filter_gradient": "Operation GuardedMemory NonFinite WildNumber",
    "forward": "Forward Operation EnvironmentVariable GuardedMemory",
    "geometry": "Validation BadInput LegalInputSizes Shape Tensor Transpose "
    "PhaseTaps WildNumber",
    "plan": "BadPlan Refusal Plan Choice Precondition BLAS Tensor Transpose "
    "EnvironmentVariable",
    "scalars": "BFloat16 HalfType NonFinite GuardedMemory"}

C_TEST = Check("c", ".build/interface_test", "library")
PYTEST = "{python} -m pytest -q -x --no-header -p no:cacheprovider "
TESTS = "scripts/python/tests"
# Apart from the examples, and, at first, from what loads TensorFlow.
PYTHON = [
    Check(
        "python", f"{PYTEST} {TESTS} --ignore {TESTS}/test_examples.py "
        f"--ignore {TESTS}/test_tensorflow_cases.py", "library", None,
        failed_pytest),
    Check(
        "python beside TensorFlow",
        f"{PYTEST} {TESTS}/test_tensorflow_cases.py", "library", None,
        failed_pytest)]


def checks_of(fault, before, cases, cores):
    """The checks of a fault in their order.

    before: the name of the check that noticed it the last time."""
    exact = verify("exact", "exact", cases)
    others = [verify("suites", "bound,special", cases)] + [
        verify(f"exact on {core}", "exact", cases, core=core)
        for core in cores]
    if "FilterGradient" in fault.path or fault.area == "filter_gradient":
        exact = verify("exact", "exact", 3 * cases, "filter-gradient")
    elif fault.area == "forward":
        exact = verify("exact", "exact", 2 * cases, "forward")
    if "/python/" in fault.path:
        checks = PYTHON
    elif "/ConvolutionsC/" in fault.path:
        checks = [C_TEST, *PYTHON]
    else:
        suites = "|".join(LIKELY.get(fault.area, "").split()) or "Plan"
        units = [unit("likely", f"\\.({suites})Tests/"), unit()]
        checks = units if "/convbench/" in fault.path else [
            exact, *others, C_TEST, *units, *PYTHON]
    name, _, word = (before or "").partition(": ")
    for check in checks:
        if check.name == name:
            first = [check]
            if check.needs == "tests" and "." in word:
                file = word.split(".")[0]
                first = [unit(name, f"/{file}\\.swift:")]
            return first + [other for other in checks if other not in first]
    return checks


def what(status, found):
    """What a check said."""
    if isinstance(found, str):
        return found
    if status is None:
        return "no end"
    if status < 0:
        return signal.Signals(-status).name
    return found[-1][:120] if found else f"status {status}"


def other_cores():
    """The AVX2 kernels of OpenBLAS, where they are not the ones it takes."""
    try:
        info = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    return ["Haswell"] if "avx512" in info else []
