"""A contender's process, as the driver sees it."""

import json
import os
import select
import signal
import subprocess
import time

# Idle threads spin for a while after a call; nobody else's turn may begin
# before they sleep. Seconds.
LEAST_PAUSE = 0.01
LONGEST_PAUSE = 0.3


class Refused(Exception):
    """The contender answered that it cannot."""


class Died(Exception):
    """The process crashed, or did not answer in time, and is gone."""


class Contender:
    """A process that is started when needed, and anew after its death.

    It is pinned to as many of the cores as it may have threads.
    """

    def __init__(self, name, command, environment, cores, log, timeout):
        self.name = name
        self.command = command
        self.environment = environment
        self.cores = cores
        self.log = log
        self.timeout = timeout
        self.process = None
        self.pending = b""

    def request(self, operation, **fields):
        """Sends a request and waits for the answer.

        Raises Refused or Died.
        """
        if self.process is None:
            self._start()
        line = json.dumps({"op": operation} | fields) + "\n"
        try:
            self.process.stdin.write(line.encode())
            self.process.stdin.flush()
            reply = json.loads(self._read_line())
        except (OSError, ValueError, EOFError, TimeoutError) as error:
            reason = self._obituary(error)
            self.kill()
            raise Died(reason) from error
        if not reply.pop("ok"):
            raise Refused(reply["reason"])
        return reply

    def _start(self):
        # A child inherits the cores of its parent.
        own = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self.cores)
        try:
            with open(self.log, "wb") as log:
                # A session of its own: Ctrl-C is the driver's business.
                self.process = subprocess.Popen(
                    self.command, env=self.environment, stderr=log,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    start_new_session=True)
        finally:
            os.sched_setaffinity(0, own)
        self.pending = b""

    def _read_line(self):
        end = time.monotonic() + self.timeout
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self.pending:
            left = end - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise TimeoutError
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                raise EOFError
            self.pending += chunk
        line, _, self.pending = self.pending.partition(b"\n")
        return line

    def _obituary(self, error):
        if isinstance(error, TimeoutError):
            return f"no answer within {self.timeout:g} s"
        status = "garbled answer"
        if isinstance(error, (EOFError, OSError)):
            try:
                status = f"died with status {self.process.wait(timeout=5)}"
            except subprocess.TimeoutExpired:
                status = "closed its output"
        with open(self.log, errors="replace") as log:
            lines = log.read().strip().splitlines()
        return status + (f": {lines[-1][:160]}" if lines else "")

    def settle(self):
        """Waits until the process uses no processor any more.

        Returns whether it does not.
        """
        time.sleep(LEAST_PAUSE)
        if self.process is None:
            return True
        end = time.monotonic() + LONGEST_PAUSE
        used = processor_time(self.process.pid)
        while time.monotonic() < end:
            time.sleep(LEAST_PAUSE / 2)
            before, used = used, processor_time(self.process.pid)
            if used - before < 0.02 * LEAST_PAUSE / 2:
                return True
        return False

    def kill(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def close(self):
        """Ends the process in peace if it can be had."""
        if self.process is None:
            return
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()
        else:
            self._reap()

    def _reap(self):
        self.process.wait()
        self.process.stdout.close()
        try:
            self.process.stdin.close()
        except OSError:
            pass
        self.process = None


class OthersLoad:
    """How many cores processes other than these use, from its making on."""

    def __init__(self, pids):
        self.pids = pids
        self.start = time.monotonic()
        self.busy = self._busy()

    def _busy(self):
        """Seconds that all cores together worked for others, or None."""
        try:
            with open("/proc/stat") as file:
                numbers = [int(word) for word in file.readline().split()[1:]]
        except OSError:
            return None
        user, nice, system, _, _, irq, softirq, stolen = numbers[:8]
        jiffies = user + nice + system + irq + softirq + stolen
        return (jiffies / os.sysconf("SC_CLK_TCK") - time.process_time()
                - sum(map(processor_time, self.pids)))

    @property
    def cores(self):
        # What a process that died has used is not known any more.
        if self.busy is None or not all(
                os.path.exists(f"/proc/{pid}") for pid in self.pids):
            return None
        elapsed = time.monotonic() - self.start
        return max(0.0, (self._busy() - self.busy) / elapsed)


def processor_time(pid):
    """Seconds that all threads of a process have run so far."""
    total = 0
    tasks = f"/proc/{pid}/task"
    try:
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/schedstat") as file:
                total += int(file.read().split()[0])
    except OSError:  # A thread ended meanwhile, or there is no such file.
        pass
    return total / 1e9
