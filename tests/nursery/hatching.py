"""A process that has imported the bot and does nothing but beget others that run it: what takes a second otherwise takes milliseconds.

python -m tests.nursery.hatching SOCKET    (a file descriptor). Each request there is a JSON object, with the file descriptor that takes
the output. On standard output it says, one JSON object a line, which processes it has begotten and how they ended.
"""

import ctypes
import json
import os
import signal
import socket
import sys
from typing import Any

import holidays

import bot.app
import bot.verbs.import_network
from bot import cli
from bot.demo.leash import PR_SET_PDEATHSIG
from tests.nursery import traps

_MOST_BYTES = 65536
PRELOADED = (
    bot.app,
    bot.verbs.import_network,
    holidays.country_holidays("DE"),
)  # the last one imports all countries when it is called


def main() -> None:
    """Answer requests until nobody can make any."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, _bury)
    _say({})
    while True:
        asked, outputs, *_ = socket.recv_fds(requests, _MOST_BYTES, 1)
        if not asked:
            return
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # nobody hears of an end before the birth
        child = os.fork()
        if child == 0:
            requests.close()
            _become(json.loads(asked), outputs[0], parent)
            return
        os.setpgid(child, child)
        os.close(outputs[0])
        _say({"born": child})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _become(request: dict[str, Any], output: int, parent: int) -> None:
    """Be `netzwart`, on a leash and with a trap."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        return
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    os.chdir(request["folder"])
    sys.argv = ["netzwart", *request["arguments"]]
    traps.lay(request["trap"])
    cli.main()


def _bury(_number: int, _frame: object) -> None:
    """Say how those ended that have ended."""
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if child == 0:
            return
        _say({"died": child, "status": os.waitstatus_to_exitcode(status)})


def _say(line: dict[str, int]) -> None:
    os.write(1, f"{json.dumps(line)}\n".encode())


if __name__ == "__main__":
    main()
