"""A copy of the tree with all the faults in it, each behind a switch."""

import contextlib
import io
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading

from . import c_switches, swift_switches
from .lists import ROOT

BUILD = "swift build -c release"
SWITCH = """\
internal import CConvolutionKernels

/// Whether the fault of this number is to be there.
package func isPlanted(_ number: Int32) -> Bool {
  conv_is_planted(number) != 0
}
"""
# What says why a command failed.
TELLING = re.compile(
    r"Fatal error: .*|signal code \d+|\berror: .*|.*corrupt.*|failed: .*")


class BuildFailure(Exception):
    pass


class Tree:
    def __init__(self, folder, faults, prefix, python):
        self.folder = pathlib.Path(folder)
        self.prefix = prefix
        self.python = python
        self.faults = faults
        self.apart = set()  # the numbers of those without a switch
        self.built = set()
        self.lock = threading.Lock()
        archive = subprocess.run(
            ["git", "archive", "HEAD"], cwd=ROOT, check=True,
            stdout=subprocess.PIPE).stdout
        self.files = {}
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar.getmembers():
                if member.isfile():
                    self.files[member.name] = (
                        tar.extractfile(member).read(), member.mode)

    def text(self, path):
        return self.files[path][0].decode()

    def lost(self):
        """Why faults cannot be planted."""
        errors = []
        for fault in self.faults:
            try:
                fault.planted(self.text(fault.path))
            except (LookupError, UnicodeDecodeError) as error:
                errors.append(error)
        return errors

    # MARK: Building

    def prepare(self):
        """Writes the copy, with all faults that have a switch behind it."""
        self.apart = self.write(set())

    def require(self, product):
        """Builds what a check runs, if that is still to be done."""
        with self.lock:
            while product not in self.built:
                status, output = 0, []
                for command in self.commands(product):
                    status, output = self.run(command, limit=3600)
                    if status != 0:
                        break
                if status == 0:
                    self.built.add(product)
                    continue
                wrong = self.blamed(output) - self.apart
                if not wrong:
                    raise BuildFailure("\n".join(output[-40:]))
                self.apart |= wrong
                self.apart |= self.write(self.apart)
                self.built.clear()

    def commands(self, product):
        if product == "tests":
            return [f"{BUILD} --build-tests"]
        if product == "convbench":
            return [f"{BUILD} --product convbench"]
        sources = " ".join(
            str(path) for path in sorted(
                self.folder.glob("Tests/CInterfaceTests/interface_*.c")))
        return [
            f"{BUILD} --product ConvolutionsC",
            f"{self.tool('clang')} -std=c11 -O1 -I Sources/CConvolutions "
            f"{sources} "
            "-o .build/interface_test -L .build/release -lConvolutionsC -lm "
            f"-pthread -Wl,-rpath,{self.folder}/.build/release"]

    def is_apart(self, fault):
        return fault.number in self.apart

    @contextlib.contextmanager
    def alone(self, fault):
        """One fault, always there, and the others behind switches but for
        those of its file."""
        path = self.folder / fault.path
        before = path.read_text()
        path.write_text(fault.planted(self.text(fault.path)))
        self.built.clear()
        try:
            yield
        finally:
            path.write_text(before)
            self.built.clear()

    def tool(self, name):
        return pathlib.Path(shutil.which("swift")).resolve().with_name(name)

    def write(self, apart):
        """Writes the tree; returns the numbers of what has no switch."""
        work = tempfile.TemporaryDirectory(prefix="faults-")
        root = pathlib.Path(work.name)
        for path, (data, mode) in self.files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(mode)
        planted = {}
        for fault in self.faults:
            number = fault.number
            if number not in apart and not fault.path.endswith(".py"):
                planted.setdefault(fault.path, {})[number] = fault.planted(
                    self.text(fault.path))
        without = set()
        loops = {}
        for path, texts in planted.items():
            if path.endswith(".swift"):
                text, these = swift_switches.switched(self.text(path), texts)
                if not path.startswith("Sources/Convolutions/"):
                    text = "import Convolutions\n" + text
                (root / path).write_text(text)
                without |= set(these)
            else:
                loops |= {
                    number: (path, text) for number, text in texts.items()}
        c_switches.plant(root, loops)
        (root / "Sources/Convolutions/Planted.swift").write_text(SWITCH)
        self.exchange(root)
        work.cleanup()
        return without

    def exchange(self, root):
        """Makes the folder as `root` is; what stays the same is not written,
        so that it is not built again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        wanted = {
            file.relative_to(root) for file in root.rglob("*")
            if file.is_file()}
        for part in {path.parts[0] for path in wanted}:
            for file in [*(self.folder / part).rglob("*")]:
                if file.is_file() and file.relative_to(
                        self.folder) not in wanted:
                    file.unlink()
        for path in wanted:
            file = self.folder / path
            new = (root / path).read_bytes()
            if not file.exists() or file.read_bytes() != new:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(new)
                file.chmod((root / path).stat().st_mode)

    def blamed(self, output):
        """The numbers of the faults whose code the compiler refuses."""
        numbers = set()
        for line in output:
            match = re.match(r"(\S+\.(?:swift|c|h)):(\d+):\d+: error: ", line)
            if not match:
                continue
            path, place = pathlib.Path(match.group(1)), int(match.group(2))
            copy = re.search(r"__(\d+)(/|\.c$)", str(path))
            if copy:
                numbers.add(int(copy.group(1)))
                continue
            above = "\n".join(path.read_text().split("\n")[:place])
            switches = re.findall(r"isPlanted\((\d+)\)", above)
            if switches:
                numbers.add(int(switches[-1]))
        return numbers

    # MARK: Running

    def run(self, command, core=None, finds=None, limit=300, fault=None):
        """Runs a command to its end, or to a line in which `finds` finds.

        Returns its status, None where it did not end, and what was found in
        its output, or its telling lines."""
        # As scripts/test.sh builds: tests are not optimized.
        environment = dict(os.environ, CONVOLUTIONS_TESTABLE="1")
        for name in [
                "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",
                "CONVOLUTIONS_MAX_ISA"]:
            environment.pop(name, None)
        if core:
            environment["OPENBLAS_CORETYPE"] = core
        # A crash is known without its stack, which takes a minute.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        # Lines are read, and colours would be in their way.
        environment["NO_COLOR"] = "1"
        environment.pop("TERM", None)
        if fault:
            environment["CONVOLUTIONS_PLANTED"] = str(fault.number)
        with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
            if "{python}" in command:
                command = command.replace("{python}", self.python)
                environment["PYTHONPATH"] = self.package(temporary, fault)
                environment["PYTHONDONTWRITEBYTECODE"] = "1"
            return run(
                self.prefix + command.split(), self.folder, environment,
                finds, limit)

    def package(self, folder, fault):
        """The Python package beside the built library, and with the fault if
        it is in it. Returns the folder to import from."""
        package = pathlib.Path(folder) / "convolutions"
        shutil.copytree(
            self.folder / "scripts/python/src/convolutions", package)
        if fault and fault.path.endswith(".py"):
            (package / pathlib.Path(fault.path).name).write_text(
                fault.planted(self.text(fault.path)))
        library = self.folder / ".build/release/libConvolutionsC.so"
        (package / library.name).symlink_to(library)
        return folder


def run(command, folder, environment, finds, limit):
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        errors="replace", start_new_session=True)
    late = threading.Event()

    # The session is the command's own: nothing else ends with it.
    def end():
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def give_up():
        late.set()
        end()

    timer = threading.Timer(limit, give_up)
    timer.start()
    last = []
    found = None
    for line in process.stdout:
        if TELLING.search(line):
            last = last[-200:] + [line.strip()]
        found = finds and finds(line)
        if found:
            end()
            break
    status = process.wait()
    timer.cancel()
    if not found and late.is_set():
        return None, last
    return status, found or last
