"""Starts `python -m studiograph` as a fork of a process that has imported it before: hundreds of starts cost their imports once.

What is forked runs the command from its beginning, with an environment, a directory and outputs of its own, and ends as a process does.
`python -m tests.fork_server FD` serves the socket FD: each message is a `ForkRequest` with three descriptors, for stdout, stderr and the
status. The status gets two lines: the id of the process, and its exit code as `subprocess` has it.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import sys

MODULES = ("studiograph.cli.serving", "studiograph.app", "studiograph.controller_role", "studiograph.proxy_role", "uvicorn.loops.auto")
MAX_REQUEST_BYTES = 1 << 20


def main(descriptor: int) -> None:
    for module in MODULES:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes that `_start` makes
    with socket.socket(fileno=descriptor) as requests:
        while True:
            message, descriptors, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, 3)
            if not message:
                return
            if os.fork() == 0:
                requests.close()
                _start(json.loads(message), *descriptors)
                return
            for sent in descriptors:
                os.close(sent)


def _start(request: dict[str, object], stdout: int, stderr: int, status: int) -> None:
    """Forks once more: the one waits for the other and writes its exit code. Returns only in a process that is to end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(status)
        for target, source in ((1, stdout), (2, stderr)):
            os.dup2(source, target)
            os.close(source)
        _run(request)
    os.close(stdout)
    os.close(stderr)
    os.write(status, f"{pid}\n".encode())
    _, result = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(result)}\n".encode())
    os._exit(0)


def _run(request: dict[str, object]) -> None:
    environment, directory, arguments = request["environment"], request["directory"], request["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(str(directory))
    sys.argv = ["studiograph", *arguments]
    runpy.run_module("studiograph", run_name="__main__", alter_sys=True)
    sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
