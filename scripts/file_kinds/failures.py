"""Full disks, limits and signals."""

import os
import resource
import signal
import subprocess
import time

from support import check, listing, npy, read, write


def check_no_room(make):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    def attempt(name, folder, output, **how):
        before = listing(folder.path)
        ran = folder.apply(output, large=True, **how)
        said = ran.stderr.decode()
        check(name, ran.returncode == 1 and said.count("\n") == 1
              and "it cannot be written" in said, ran)
        check(name + ": as it was", listing(folder.path) == before)

    def files(folder):
        for name in ("old", "one"):
            write(folder.at(name), b"precious")
        os.link(folder.at("one"), folder.at("two"))

    folder = make("limit")
    files(folder)
    for name in ("old", "two", "new"):
        attempt(f"a limit: {name}", folder, folder.at(name),
                preexec_fn=limited)
    folder = make("full")
    if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", folder.path],
            capture_output=True).returncode != 0:
        print("skipped: a full disk, which takes a mount")
        return
    try:
        files(folder)
        for name in ("old", "two", "new"):
            attempt(f"a full disk: {name}", folder, folder.at(name))
    finally:
        subprocess.run(["umount", folder.path], check=True)


def check_signals(make):
    """While a result of 256 MB is written."""
    folder = make("signals")
    at = folder.at
    header = npy((1, 4096, 4096, 1), b"")
    with open(at("dy.npy"), "wb") as file:
        file.write(header)
        file.truncate(len(header) + 4 * 4096 * 4096)
    write(at("f.npy"), npy((1, 1, 4, 1)))
    size = 128 + 16 * 4096 * 4096
    options = {"input-sizes": "1,4096,4096,4", "filter": at("f.npy"),
               "out-backprop": at("dy.npy")}

    def run(output, sent, is_writing, ignored=None):
        def ignore():
            if ignored:
                signal.signal(ignored, signal.SIG_IGN)

        process = subprocess.Popen(
            folder.arguments(at(output), **options), preexec_fn=ignore,
            stderr=subprocess.PIPE)
        while process.poll() is None and not is_writing():
            time.sleep(0.0005)
        sent_at = process.poll() is None
        process.send_signal(sent)
        process.wait(60)
        process.stderr.close()
        check(f"signal {sent}: sent in time", sent_at)
        return process.returncode

    def temporary():
        return [n for n in os.listdir(folder.path) if n.startswith(".")]

    for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        write(at("old"), b"precious")
        status = run("old", sent, temporary)
        check(f"signal {sent}: status", status == -sent, status)
        check(f"signal {sent}: as it was", read(at("old")) == b"precious")
        check(f"signal {sent}: nothing left over", not temporary())
    status = run("old", signal.SIGHUP, temporary, signal.SIGHUP)
    check("a signal that is ignored", status == 0
          and os.path.getsize(at("old")) == size, status)
    os.truncate(at("old"), 8)
    status = run("old", signal.SIGKILL, temporary)
    check("killed: as it was", os.path.getsize(at("old")) == 8, status)
    for name in temporary():
        os.remove(at(name))
    write(at("one"), b"\xff" * 8)
    os.link(at("one"), at("two"))
    status = run("two", signal.SIGTERM, lambda: os.path.getsize(at("one")) > 8)
    with open(at("one"), "rb") as file:
        begin = file.read(6)
    check("in place: whole", status == -signal.SIGTERM
          and os.path.getsize(at("one")) == size and begin == b"\x93NUMPY",
          status)
