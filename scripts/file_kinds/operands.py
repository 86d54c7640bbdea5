"""Operands, by what stands at the path."""

import os
import subprocess
import threading

from support import check, npy, read, slowly


def check_operands(make, small):
    folder = make("operands")
    at, operand = folder.at, folder.operand
    os.mkfifo(at("fifo"))

    def expect(name, ran, status=0, words=b""):
        good = ran.returncode == status and (
            ran.stdout == small if status == 0
            else ran.stderr.count(b"\n") == 1 and not ran.stdout)
        check(name, good and words in ran.stderr, (ran, words))

    for option, file in [("filter", "f.npy"), ("out-backprop", "dy.npy")]:
        data = read(operand(file))
        with open(operand(file), "rb") as redirected:
            for name in ("-", "/dev/stdin"):
                redirected.seek(0)
                ran = folder.apply("-", options={option: name},
                                   stdin=redirected)
                expect(f"{option} from {name}", ran)
        for name, sent, status, words in [
                ("whole", data, 0, b""),
                ("truncated", data[:-1], 1, b"it is truncated"),
                ("without numbers", data[:128], 1, b"it is truncated"),
                ("cut in the header", data[:40], 1, b"it is truncated"),
                ("cut in the magic", data[:3], 1, b"not a .npy file"),
                ("empty", b"", 1, b"not a .npy file"),
                ("oversized", data + b"\0", 1, b"it is oversized"),
                ("immense", npy((2**40, 2**20), b""), 1, b"out of memory"),
                ("overflowing", npy((2**40, 2**40), b""), 1, b"too large"),
                ("of another type", data.replace(b"<f4", b"<i4"), 1,
                 b"its type is <i4")]:
            writer = threading.Thread(target=slowly, args=(sent, at("fifo")))
            writer.start()
            ran = folder.apply("-", options={option: at("fifo")})
            # Whoever does not open it must not leave the writer waiting.
            os.close(os.open(at("fifo"), os.O_RDONLY | os.O_NONBLOCK))
            writer.join()
            expect(f"{option} from a FIFO, {name}", ran, status, words)
    endless = subprocess.Popen(
        ["bash", "-c", 'cat "$1"; exec cat /dev/zero', "-", operand("f.npy")],
        stdout=subprocess.PIPE)
    ran = folder.apply("-", options={"filter": "-"}, stdin=endless.stdout)
    endless.kill()
    endless.stdout.close()
    expect("an endless filter", ran, 1, b"it is oversized")
    ran = folder.apply("-", options={"filter": "/dev/zero"})
    expect("a device", ran, 1, b"not a .npy file")
    for second in ("-", "/dev/stdin", "/dev/fd/0"):
        ran = folder.apply(
            "-", options={"filter": "-", "out-backprop": second})
        check("standard input twice", ran.returncode == 2
              and b"only once" in ran.stderr, ran)
    ran = folder.apply(
        "-", options={"filter": at("fifo"), "out-backprop": at("fifo")})
    check("a FIFO twice", ran.returncode == 2, ran)

    def shell(command):
        return subprocess.run(
            ["bash", "-c", command, "-", folder.convbench, operand("f.npy"),
             operand("dy.npy")], capture_output=True, timeout=60)

    command = '"$1" apply --input-sizes 2,3 --padding VALID '
    expect("<(command)", shell(
        command + '--filter <(cat "$2") --out-backprop <(sleep 0.1; cat "$3") '
        "--output -"))
    expect(">(command)", shell(
        "exec 3>&1; " + command
        + '--filter "$2" --out-backprop - <"$3" --output >(cat >&3); wait'))
    ran = shell('"$1" list --file - < <(echo mb1ic1ih1oc1kh1); '
                '"$1" list --file <(echo mb1ic1ih1oc1kh1)')
    check("problems of a stream", ran.returncode == 0
          and ran.stdout.count(b"mb1ic1ih1iw1") == 2, ran)
