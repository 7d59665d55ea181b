"""Runs a command that dies with its parent: `python leash.py PARENT_PID EXECUTABLE [ARGUMENT …]`.

The command replaces this process, so its process id is the one that the parent knows. On Linux the kernel kills it
when the parent is gone, however that ended (prctl(2), PR_SET_PDEATHSIG; it survives execve). Elsewhere the parent's own
orderly end has to do. A script of its own rather than a `preexec_fn`, which is not safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Tie this process to its parent, then become the command. Exits with 1 if the parent is gone already."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:  # it died before the kernel knew that we care
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  (no shell is the point)


if __name__ == "__main__":
    main()
