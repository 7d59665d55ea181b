"""The log: one structured event a line on standard output, also for what libraries log. No message text, no secrets."""

import json
import logging
import sys
from collections.abc import Iterable
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

_HIDDEN = "***"
_OWN = ("bot", "commands", "schedules")
"""Whose lines have the configured level. Libraries are heard from warnings on: below, they print what they send and store."""

_TALKATIVE = ("nio.events", "nio.responses", "nio.crypto")
"""They print what does not fit a schema as a warning: whole messages, passwords' answers, and whatever strangers send."""


class _HideSecrets:
    """The last guard: whatever a library puts into a line, our secrets are taken out of it."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()

    def __call__(self, _logger: WrappedLogger, _name: str, line: Any) -> Any:
        if isinstance(line, str):
            for secret in self.secrets:
                line = line.replace(secret, _HIDDEN)
        return line


_hide_secrets = _HideSecrets()


def hide(secrets: Iterable[str | None]) -> None:
    """Never let these strings into the log, also as JSON writes them."""
    for secret in filter(None, secrets):
        _hide_secrets.secrets.update((secret, json.dumps(secret, ensure_ascii=False)[1:-1]))


def silence() -> None:
    """Log nothing: for what speaks to people on the terminal."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger().handlers[:] = [logging.NullHandler()]


def set_up(level: str, style: Literal["auto", "json", "console"]) -> None:
    """Start logging to standard output: JSON, or coloured lines on a terminal (`auto` looks which it is)."""
    console = style == "console" or (style == "auto" and sys.stdout.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks without the frames' variables: those hold what people wrote, and headers.
    without_values = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    last: list[Any] = [plain] if console else [without_values, _json]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _hide_secrets],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))
    for own in _OWN:
        logging.getLogger(own).setLevel(level.upper())
    for talkative in _TALKATIVE:
        logging.getLogger(talkative).setLevel(logging.CRITICAL)


def _json(logger: WrappedLogger, name: str, event: EventDict) -> str | bytes:
    return structlog.processors.JSONRenderer(ensure_ascii=False)(logger, name, event)
