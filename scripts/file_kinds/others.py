"""Other options that write, and sharded runs."""

import os
import stat
import subprocess

from support import OTHER, check, listing, read, write


def check_bench(make):
    """Every other option that writes goes the same way."""
    folder = make("bench")
    at = folder.at

    def bench(*arguments):
        return subprocess.run(
            [folder.convbench, "bench", "mb1ic1ih1oc1kh1", "--min-time", "0",
             "--format", "csv", *arguments], capture_output=True, timeout=120,
            cwd=folder.path)

    write(at("target"), b"precious")
    os.chmod(at("target"), 0o600)
    os.symlink("target", at("link"))
    ran = bench("--output", at("link"))
    rows = read(at("target"))
    check("rows through a link", ran.returncode == 0
          and os.path.islink(at("link")) and rows.startswith(b"# cpu")
          and stat.S_IMODE(os.stat(at("target")).st_mode) == 0o600, ran)
    os.symlink("/proc/self/fd/1", at("stdout"))
    for name in ("-", at("stdout")):
        ran = bench("--output", name)
        check("rows to standard output", ran.returncode == 0
              and ran.stdout.startswith(b"# cpu"), ran)
    check("a link to standard output stays", os.path.islink(at("stdout")))
    os.symlink("none/x", at("dangling"))
    for option in ("--output", "--report"):
        for name in (folder.path, at("dangling"), at("none/x")):
            before = listing(folder.path)
            ran = bench(option, name)
            check(f"{option} refused", ran.returncode == 1 and not ran.stdout
                  and ran.stderr.count(b"\n") == 1
                  and b"it cannot be written" in ran.stderr, ran)
            check("nothing changed", listing(folder.path) == before)
    for more in ([], ["--output", "-"], ["--output", at("stdout")]):
        ran = bench("--report", "-", *more)
        check("rows and page in one", ran.returncode == 2
              and not ran.stdout, ran)


def check_shards(make, small):
    folder = make("shards")
    at = folder.at
    shard = {"shard": "0/1"}
    check("one shard", folder.apply("-", options=shard).stdout == small)
    os.mkfifo(at("fifo"))
    write(at("one"), b"precious")
    os.link(at("one"), at("two"))
    for name in ("fifo", "one"):
        os.chmod(at(name), 0o666)
    for name, words in [
            ("-", "an open file of one process"),
            ("/dev/stdout", "an open file of one process"),
            ("/dev/null", "a device"), (at("fifo"), "a FIFO"),
            (at("one"), "a file of 2 names"), (folder.path, "Is a directory")]:
        folder.refused(f"shards to {name}", name, words,
                       options={"shard": "0/2"}, **OTHER)
    folder.refused("shards of a stream", at("new"), "reads files",
                   options={"shard": "0/2", "filter": "-"})
    os.mkdir(at("far"))
    write(at("far/dx.npy"), b"precious")
    os.chmod(at("far/dx.npy"), 0o600)
    os.symlink("far/dx.npy", at("link"))
    for share in ("1/2", "0/2"):
        ran = folder.apply(at("link"), options={"shard": share})
        check(f"shard {share} through a link", ran.returncode == 0
              and not ran.stdout, ran)
    check("shards through a link", os.path.islink(at("link"))
          and read(at("far/dx.npy")) == small
          and stat.S_IMODE(os.stat(at("far/dx.npy")).st_mode) == 0o600
          and os.listdir(at("far")) == ["dx.npy"])
