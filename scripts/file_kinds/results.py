"""Results, by what stands at the path."""

import os
import socket
import stat
import subprocess
import threading

from support import NOBODY, OTHER, check, read, same_file, write


def check_files(make, small):
    folder = make("files")
    at = folder.at
    os.umask(0o027)
    ran = folder.apply(at("new"))
    check("new file", ran.returncode == 0 and read(at("new")) == small, ran)
    check("new file: mode", stat.S_IMODE(os.stat(at("new")).st_mode) == 0o640)
    os.umask(0o022)

    write(at("old"), b"precious")
    os.chmod(at("old"), 0o604)
    if os.geteuid() == 0:
        os.chown(at("old"), NOBODY, NOBODY)
    owner = os.stat(at("old")).st_uid
    ran = folder.apply("old")
    check("old file", ran.returncode == 0 and read(at("old")) == small, ran)
    after = os.stat(at("old"))
    check("old file: mode and owner",
          (stat.S_IMODE(after.st_mode), after.st_uid) == (0o604, owner), after)

    # Links, one after the other, across folders.
    os.mkdir(at("far"))
    write(at("far/target"), b"precious")
    os.chmod(at("far/target"), 0o600)
    os.symlink("target", at("far/middle"))
    os.symlink("far/middle", at("link"))
    ran = folder.apply(at("link"))
    check("links", ran.returncode == 0 and os.path.islink(at("link"))
          and os.path.islink(at("far/middle"))
          and read(at("far/target")) == small
          and stat.S_IMODE(os.stat(at("far/target")).st_mode) == 0o600, ran)
    check("links: nothing left over",
          sorted(os.listdir(at("far"))) == ["middle", "target"])
    os.symlink("far/none", at("dangling"))
    ran = folder.apply("dangling")
    check("a link to no file", ran.returncode == 0
          and os.path.islink(at("dangling")) and read(at("far/none")) == small,
          ran)

    write(at("one"), b"precious")
    os.link(at("one"), at("two"))
    before = os.stat(at("one"))
    for count in (small, small):
        ran = folder.apply(at("two"))
        check("several names", ran.returncode == 0 and same_file(
            at("one"), before) and read(at("one")) == read(at("two")) == small,
            ran)
    write(at("one"), b"x" * 10 * len(small))
    folder.apply(at("one"))
    check("several names: a longer file", read(at("two")) == small)
    # Results and operands may be one file.
    write(at("own"), read(folder.operand("f.npy")))
    os.link(at("own"), at("own2"))
    folder.apply(at("own"), options={"filter": at("own")})
    check("an operand's own file", read(at("own2")) == small)
    # Mounted by itself, as containers have it.
    write(at("mount"), b"precious")
    if subprocess.run(["mount", "--bind", at("old"), at("mount")],
                      capture_output=True).returncode == 0:
        os.truncate(at("old"), 0)
        ran = folder.apply(at("mount"))
        check("a mount", ran.returncode == 0 and read(at("old")) == small, ran)
        subprocess.run(["umount", at("mount")], check=True)
    else:
        print("skipped: a mounted file, which takes root")
    check("nothing left over", not [
        name for name in os.listdir(folder.path) if name.startswith(".")])


def check_streams(make, small):
    folder = make("streams")
    at = folder.at
    os.mkfifo(at("fifo"))
    with subprocess.Popen(["cat", at("fifo")], stdout=subprocess.PIPE) as cat:
        ran = folder.apply(at("fifo"))
        if not stat.S_ISFIFO(os.stat(at("fifo")).st_mode):
            cat.kill()
        check("FIFO", ran.returncode == 0 and cat.stdout.read() == small
              and stat.S_ISFIFO(os.stat(at("fifo")).st_mode), ran)

    if os.geteuid() == 0:
        os.mknod(at("null"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.symlink("null", at("null_link"))
        for name in ("null", "null_link"):
            before = os.lstat(at(name)).st_ino
            ran = folder.apply(at(name))
            check("device", ran.returncode == 0
                  and stat.S_ISCHR(os.stat(at(name)).st_mode)
                  and os.lstat(at(name)).st_ino == before, (name, ran))
    else:
        print("skipped: devices, which take root")

    # A link to what /dev/stdout is one to, which can be lost.
    os.symlink("/proc/self/fd/1", at("stdout"))
    for name in ["-", at("stdout"), "stdout", "/dev/stdout", "/dev/fd/1",
                 "/proc/self/fd/1"]:
        other = OTHER if name == "/dev/stdout" else {}
        for environment in [{}, {"CONVOLUTIONS_VERBOSE": "1"}]:
            ran = folder.apply(
                name, env={**os.environ, **environment}, **other)
            check("standard output", ran.returncode == 0
                  and ran.stdout == small
                  and (b"verbose," in ran.stderr) == bool(environment),
                  (name, ran))
        with open(at("log"), "wb") as log:
            log.write(b"before")
            log.flush()
            ran = folder.apply(name, stdout=log, **other)
        check("redirected", ran.returncode == 0
              and read(at("log")) == b"before" + small, (name, ran))
    check("a link to standard output stays", os.path.islink(at("stdout")))

    ours, theirs = os.pipe()
    ran = folder.apply(f"/dev/fd/{theirs}", pass_fds=[theirs])
    os.close(theirs)
    with open(ours, "rb") as pipe:
        check("open file", ran.returncode == 0 and pipe.read() == small, ran)
    left, right = socket.socketpair()
    ran = folder.apply("/dev/stdout", stdout=right.fileno(), **OTHER)
    right.close()
    check("a socket for standard output", left.recv(4096) == small, ran)
    left.close()

    ours, theirs = os.pipe()
    os.close(ours)
    ran = folder.apply("-", large=True, stdout=theirs)
    os.close(theirs)
    check("a reader that went away", ran.returncode == 1
          and b"-: it cannot be written: Broken pipe" in ran.stderr, ran)
    # Files that do not block, and a reader that is late.
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    late = []
    thread = threading.Timer(
        0.3, lambda: late.append(open(ours, "rb").read()))
    thread.start()
    ran = folder.apply("-", large=True, stdout=theirs)
    os.close(theirs)
    thread.join()
    check("a pipe that does not block", ran.returncode == 0
          and len(late[0]) == 128 + 4 * 64 * 64 * 16, ran)


def check_refusals(make, small):
    folder = make("refusals")
    at = folder.at
    os.mkdir(at("folder"))
    folder.refused("a folder", at("folder"), "folder: it cannot be written: Is")
    folder.refused("a new folder", at("none/"), "Is a directory")
    folder.refused("no folder", at("none/dx.npy"), "No such file or directory")
    write(at("file"), b"precious")
    folder.refused("a file for a folder", at("file/x"), "Not a directory")
    os.symlink("none/dx.npy", at("dangling"))
    folder.refused("a link into no folder", at("dangling"),
                   "it is a link to " + at("none/dx.npy"))
    os.symlink("loop", at("loop"))
    folder.refused("a link to itself", at("loop"), "symbolic links")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(at("socket"))
        folder.refused("a socket", at("socket"), "it is a socket")
    folder.refused("no open file", "/dev/fd/77", "Bad file descriptor")
    ours, theirs = os.pipe()
    folder.refused("open for reading", f"/dev/fd/{ours}", "reading alone",
                   pass_fds=[ours])
    os.close(ours)
    os.close(theirs)
    if os.geteuid() != 0:
        print("skipped: other users and block devices, which take root")
        return
    os.mknod(at("block"), 0o666 | stat.S_IFBLK, os.makedev(7, 0))
    folder.refused("a block device", at("block"), "it is a block device")
    os.mkdir(at("theirs"))
    os.chmod(at("theirs"), 0o755)
    write(at("theirs/open"), b"precious")
    os.chmod(at("theirs/open"), 0o666)
    folder.refused("another's folder", at("theirs/x"), "Permission denied",
                   **OTHER)
    os.chmod(at("file"), 0o444)
    folder.refused("a file to be read only", at("file"), "Permission denied",
                   **OTHER)
    for mode in (0o755, 0o1777):
        os.chmod(at("theirs"), mode)
        write(at("theirs/open"), b"precious")
        before = os.stat(at("theirs/open"))
        ran = folder.apply(at("theirs/open"), **OTHER)
        check("an open file in another's folder", ran.returncode == 0
              and same_file(at("theirs/open"), before)
              and os.listdir(at("theirs")) == ["open"]
              and read(at("theirs/open")) == small, ran)
