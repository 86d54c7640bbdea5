"""The faults of scripts/faults/*.txt."""

import dataclasses
import hashlib
import pathlib
import re
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "scripts" / "faults"


@dataclasses.dataclass
class Fault:
    name: str
    meaning: str
    area: str  # the list's name
    path: str
    lines: list  # pairs of a sign, " ", "-" or "+", and a text

    @property
    def digest(self):
        """Changes where the fault does."""
        text = repr((self.path, self.lines))
        return hashlib.sha256(text.encode()).hexdigest()[:6]

    @property
    def number(self):
        """Of its switch; the same whatever else is in the lists, so that what
        others are built to stays."""
        return zlib.crc32(self.name.encode()) & 0x7FFFFFFF

    def planted(self, text):
        """The source with the fault in it."""
        source = text.split("\n")
        plain = [bare(line) for line in source]
        old = [line for sign, line in self.lines if sign != "+"]
        places = [
            place for place in range(len(plain) - len(old) + 1)
            if plain[place:place + len(old)] == old
        ]
        if len(places) != 1:
            raise LookupError(
                f"{self.name}: its lines are {len(places)} times in "
                f"{self.path}")
        place = places[0]
        macro = " \\" if source[place].endswith("\\") else ""
        indentation = re.match(r"\s*", source[place]).group()
        changed = []
        for sign, line in self.lines:
            if sign == "+":
                changed.append(indentation + line + macro)
                continue
            if sign == " ":
                changed.append(source[place])
            else:
                indentation = re.match(r"\s*", source[place]).group()
            place += 1
        source[places[0]:place] = changed
        return "\n".join(source)


def bare(line):
    return line.strip().removesuffix("\\").strip()


def read_faults():
    faults = []
    for file in sorted(FOLDER.glob("*.txt")):
        blocks = re.sub(r"(?m)^#.*\n", "", file.read_text()).split("\n\n")
        for block in filter(None, (block.strip("\n") for block in blocks)):
            head, path, *lines = block.split("\n")
            name, meaning = re.fullmatch(r"\[(\S+)\] (.+)", head).groups()
            # What comes keeps its indentation, for Python.
            pairs = [
                (line[0], line[2:] if line[0] == "+" else bare(line[1:]))
                for line in lines]
            assert {sign for sign, _ in pairs} <= set(" -+"), name
            faults.append(Fault(name, meaning, file.stem, path, pairs))
    numbers = {fault.number for fault in faults}
    assert len(numbers) == len(faults), "two faults have one name or number"
    return faults
