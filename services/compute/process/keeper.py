"""A detached supervisor process for one session: starts the tool, outlives the server, and ends all processes of the session.

Run as `python -I -S keeper.py`, with its orders as JSON on stdin (they hold the tool's variables, so they are nowhere else):
{"directory", "argv", "environment", "cwd", "control", "lock"}; `lock` is a descriptor to hold until the tool is started. Then it answers
one line on stdout, `{"ok": true}` or `{"error": "..."}`, and goes into the background. It writes `state.json` (temp file, fsync, rename),
`log.<offset>`, and listens on the unix socket `control` for one JSON line a connection:

  {"do": "stop", "grace": seconds}   SIGTERM to the tool, after `grace` SIGKILL to all; answers when everything has ended
  {"do": "freeze", "limit": seconds} stops all processes; answers; they go on when the connection closes (the client
                                     may die) or at the limit

It is the subreaper of all descendants, so double-forked ones are its children as well. When the tool ends, it ends them all, as a container
ends with its first process. Standard library only.
"""

# pathlib, contextlib and typing would lengthen every start, so os.path and try are used:
# ruff: noqa: PTH101, PTH104, PTH108, PTH110, PTH118, PTH120, PTH123, PTH208, SIM105, SIM115

import ctypes
import fcntl
import io
import json
import os
import selectors
import signal
import socket
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
SEGMENT_BYTES = 5 << 20  # two of these are kept: at least 5 MiB of output, at most 10
DEFAULT_GRACE_SECONDS = 10.0  # seconds, when the machine shuts down and SIGTERM comes to us
SAMPLE_INTERVAL_SECONDS = 10.0  # how often the count of out-of-memory kills is noted, and whether the directory is there
OOM_SCORE = b"500"  # the kernel kills a session before it kills the server
LIBC = ctypes.CDLL(None)


def stat_fields(pid: int | str) -> list[bytes] | None:
    """Fields from `state` on of /proc/PID/stat; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def identity(pid: int) -> list[int]:
    fields = stat_fields(pid)
    return [pid, int(fields[19]) if fields else 0]


def descendants() -> list[tuple[int, bytes]]:
    """Returns all processes below this one, parents before their children: (pid, state)."""
    children: dict[int, list[tuple[int, bytes]]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal() and (fields := stat_fields(name)):
            children.setdefault(int(fields[1]), []).append((int(name), fields[0]))
    processes: list[tuple[int, bytes]] = []
    parents = [os.getpid()]
    while parents:
        below = [child for parent in parents for child in children.get(parent, [])]
        processes += below
        parents = [pid for pid, _ in below]
    return processes


def send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def out_of_memory_kills() -> int:
    try:
        with open("/proc/vmstat") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
    except OSError:
        return 0


def write_atomically(path: str, data: dict[str, object]) -> None:
    with open(path + ".tmp", "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(json.dumps(data))
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".tmp", path)
    directory = os.open(os.path.dirname(path), os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


class Log:
    """The tool's output in files named by the offset of their first byte; the oldest are removed."""

    def __init__(self, directory: str) -> None:
        self.directory, self.end = directory, 0
        self.starts: list[int] = []
        self.file: io.FileIO | None = None

    def write(self, data: bytes) -> None:
        try:
            if self.file is None or self.end - self.starts[-1] >= SEGMENT_BYTES:
                self.file = self.rotate()
            self.file.write(data)
            self.end += len(data)
        except OSError:
            return  # a full disk must not stop the tool from running; its output is lost then

    def rotate(self) -> io.FileIO:
        if self.file:
            self.file.close()
        self.starts.append(self.end)
        file = open(self.path(self.end), "ab", 0, opener=lambda name, flags: os.open(name, flags, 0o600))
        for start in self.starts[:-2]:
            os.unlink(self.path(start))
        self.starts = self.starts[-2:]
        return file

    def path(self, start: int) -> str:
        return os.path.join(self.directory, f"log.{start:020d}")


class Keeper:
    """The state of the one session."""

    def __init__(self, orders: "dict[str, Any]") -> None:
        self.orders = orders
        self.state_path = os.path.join(orders["directory"], "state.json")
        self.log = Log(orders["directory"])
        self.selector = selectors.DefaultSelector()
        self.tool = 0
        self.status: int | None = None  # of the tool, as waitpid gave it
        self.kill_at: float | None = None  # when the grace of a stop ends
        self.killing = False
        self.stoppers: list[socket.socket] = []
        self.freezers: dict[socket.socket, float] = {}  # connection -> when it ends
        self.frozen: list[int] = []
        self.kills_seen = out_of_memory_kills()

    def prepare(self) -> int:
        """Does everything that can fail before the tool starts. Returns the tool's end of the log pipe."""
        lock = os.open(os.path.join(self.orders["directory"], "keeper.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError("this session has a keeper already") from None
        if os.path.exists(self.state_path):
            raise FileExistsError("this session was started before")
        if LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise OSError("prctl(PR_SET_CHILD_SUBREAPER) failed")
        self.listen()
        self.catch_signals()
        self.pipe, pipe = os.pipe()
        os.set_blocking(self.pipe, False)
        self.selector.register(self.pipe, selectors.EVENT_READ, self.read_output)
        return pipe

    def listen(self) -> None:
        path = self.orders["control"]
        if os.path.exists(path):
            os.unlink(path)
        self.control = socket.socket(socket.AF_UNIX)
        self.control.bind(path)
        os.chmod(path, 0o600)
        self.control.listen(16)
        self.control.setblocking(False)
        self.selector.register(self.control, selectors.EVENT_READ, self.accept)

    def catch_signals(self) -> None:
        wake, waker = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.stop(DEFAULT_GRACE_SECONDS))
        self.selector.register(wake, selectors.EVENT_READ, lambda: os.read(wake, 4096))

    def start(self, output: int) -> None:
        """Forks the tool, which waits until the state that names it is on disk."""
        ready, go = os.pipe()
        self.tool = os.fork()
        if not self.tool:
            os.close(go)
            self.become_tool(ready, output)
        os.close(output)
        os.close(ready)
        self.state = {
            "boot": open("/proc/sys/kernel/random/boot_id").read().strip(),
            "keeper": identity(os.getpid()),
            "tool": identity(self.tool),
            "started": time.time(),
            "exited": None,
        }
        write_atomically(self.state_path, self.state)
        os.write(go, b"g")
        os.close(go)

    def become_tool(self, ready: int, output: int) -> "NoReturn":
        try:
            os.setsid()
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.read(ready, 1) != b"g":
                os._exit(126)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            with open("/proc/self/oom_score_adj", "wb") as file:
                file.write(OOM_SCORE)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.umask(0o022)
            os.chdir(self.orders["cwd"])
            os.execvpe(self.orders["argv"][0], self.orders["argv"], self.orders["environment"])  # noqa: S606 - no shell is the point
        except OSError as error:
            os.write(output, f"{self.orders['argv'][0]}: {error.strerror}\n".encode())
        finally:
            os._exit(127)

    def run(self) -> None:
        while self.status is None:
            for key, _ in self.selector.select(self.patience()):
                key.data()
            self.reap()
            self.pass_time()
        self.end(self.status)

    def patience(self) -> float:
        times = [when for when in (self.kill_at, *self.freezers.values()) if when is not None]
        return max(0.0, min([time.monotonic() + SAMPLE_INTERVAL_SECONDS, *times]) - time.monotonic())

    def pass_time(self) -> None:
        now = time.monotonic()
        for connection in [c for c, when in self.freezers.items() if when <= now]:
            self.hang_up(connection)
        if self.kill_at is not None and self.kill_at <= now:
            self.killing, self.kill_at = True, None
            send(self.tool, signal.SIGKILL)
        if self.status is None:
            self.kills_seen = out_of_memory_kills()
            if self.kill_at is None and not os.path.exists(self.state_path):
                self.stop(DEFAULT_GRACE_SECONDS)  # somebody deleted the data directory: nobody could ever end this session

    def reap(self) -> bool:
        """Waits for the children that have ended; returns False if there is no child any more."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.tool:
                self.status = status

    def read_output(self) -> None:
        while True:
            try:
                data = os.read(self.pipe, 65536)
            except BlockingIOError:
                return
            if not data:
                if self.pipe in self.selector.get_map():
                    self.selector.unregister(self.pipe)
                return
            self.log.write(data)

    def accept(self) -> None:
        connection, _ = self.control.accept()
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ, lambda: self.hear(connection))

    def hear(self, connection: socket.socket) -> None:
        try:
            line = connection.recv(4096)
            order = json.loads(line) if line else None
        except (OSError, ValueError):
            order = None
        if order is None:
            self.hang_up(connection)
        elif order["do"] == "stop":
            self.stoppers.append(connection)
            self.stop(order["grace"])
        elif order["do"] == "freeze" and self.kill_at is not None:
            self.answer(connection, {"error": "it is being stopped"})
        elif order["do"] == "freeze":
            self.freezers[connection] = time.monotonic() + order["limit"]
            self.freeze()
            self.answer(connection, {"frozen": len(self.frozen)})

    def answer(self, connection: socket.socket, data: dict[str, object]) -> None:
        try:
            connection.send(json.dumps(data).encode() + b"\n")
        except OSError:
            pass  # it has left

    def hang_up(self, connection: socket.socket) -> None:
        self.selector.unregister(connection)
        connection.close()
        if connection in self.stoppers:
            self.stoppers.remove(connection)
        if self.freezers.pop(connection, None) and not self.freezers:
            self.resume()

    def stop(self, grace: float) -> None:
        when = time.monotonic() + grace
        self.kill_at = when if self.kill_at is None else min(when, self.kill_at)
        for connection in list(self.freezers):
            self.hang_up(connection)
        send(self.tool, signal.SIGTERM)
        send(self.tool, signal.SIGCONT)

    def freeze(self) -> None:
        """Stops all processes, parents first, so that a shell does not see its job stopped; again until nothing new has been forked."""
        while running := [pid for pid, state in descendants() if state not in (b"T", b"t", b"Z", b"X")]:
            for pid in running:
                send(pid, signal.SIGSTOP)
            self.frozen += [pid for pid in running if pid not in self.frozen]
            if not self.stopped_by(time.monotonic() + 2):
                return  # a process may not be stopped (another user's), or hangs in the kernel

    def stopped_by(self, when: float) -> bool:
        """Waits until the processes have stopped: the signal takes a moment on another core."""
        while any(state not in (b"T", b"t", b"Z", b"X") for pid, state in descendants() if pid in self.frozen):
            if time.monotonic() > when:
                return False
            time.sleep(0.001)
        return True

    def resume(self) -> None:
        for pid in reversed(self.frozen):
            send(pid, signal.SIGCONT)
        self.frozen = []

    def end(self, status: int) -> None:
        """Ends all other processes after the tool has ended, writes the state, and answers the clients that wait."""
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and not self.killing
        out_of_memory = killed and out_of_memory_kills() > self.kills_seen
        ended_at = time.time()
        while self.reap():
            for pid, _ in descendants():
                send(pid, signal.SIGKILL)
            self.read_output()
            time.sleep(0.002)
        self.read_output()
        code = os.waitstatus_to_exitcode(status)
        exited = {"code": code if code >= 0 else 128 - code, "out_of_memory": out_of_memory, "at": ended_at, "message": None}
        try:
            write_atomically(self.state_path, {**self.state, "exited": exited})
        except OSError:
            pass  # the directory is gone or the disk is full: without a record it counts as ended, its code unknown
        for connection in self.stoppers:
            self.answer(connection, {"ended": True})
        if os.path.exists(self.orders["control"]):
            os.unlink(self.orders["control"])


def say(data: dict[str, object]) -> None:
    """Writes the one line of answer; then redirects stdin, stdout and stderr to /dev/null."""
    try:
        os.write(1, json.dumps(data).encode() + b"\n")
    except BrokenPipeError:
        pass  # whoever started us was killed meanwhile: the session goes on, the next one finds it
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


def main() -> None:
    orders = json.load(sys.stdin)
    os.set_inheritable(orders["lock"], False)
    os.umask(0o077)
    os.chdir("/")
    if os.fork():
        os._exit(0)
    os.setsid()
    try:
        keeper = Keeper(orders)
        keeper.start(keeper.prepare())
    except OSError as error:
        say({"error": str(error)})
        return
    say({"ok": True})
    os.close(orders["lock"])
    keeper.run()


if __name__ == "__main__":
    main()
