"""What can go wrong in the demo and with the homeserver of the tests.

NetzwartError
└── DemoFailed               one line for people; the demo ends with status 1
    ├── ForeignFolder        the folder holds something that no demo has put there, or another demo uses it
    ├── ProcessFailed        the homeserver or the bot ended, or was not ready in time; `log_lines` are its last words
    └── Missing              something did not arrive in time
NetzwartError
├── Unreachable              the homeserver does not answer (5xx included); worth another try
└── Refused                  the homeserver answered with an error of the client-server API
"""

from collections.abc import Sequence

from bot.errors import NetzwartError


class DemoFailed(NetzwartError):
    """The demo cannot go on. `str()` is one line for people; `log_lines` a process's last words, if one is to blame."""

    def __init__(self, line: str, log_lines: Sequence[str] = ()) -> None:
        super().__init__(line)
        self.log_lines = tuple(log_lines)

    def __str__(self) -> str:
        """Return the line, followed by the log lines, as a traceback would show it."""
        return "\n".join([str(self.args[0]), *self.log_lines])

    @property
    def line(self) -> str:
        """What went wrong, in one line."""
        return str(self.args[0])


class ForeignFolder(DemoFailed):
    """The folder is not ours to empty."""


class ProcessFailed(DemoFailed):
    """A process that we started ended, or was not ready in time."""


class Missing(DemoFailed):
    """Something that should have been seen in a room did not arrive in time."""


class Unreachable(NetzwartError):
    """The homeserver does not answer, or answers 5xx. The same request may work in a moment."""


class Refused(NetzwartError):
    """The homeserver answered with an error: `status` (HTTP), `errcode` (`M_FORBIDDEN`, …), `error` (its words)."""

    def __init__(self, status: int, errcode: str, error: str) -> None:
        super().__init__(f"{status} {errcode}: {error}")
        self.status = status
        self.errcode = errcode
        self.error = error
