"""Rows of ours in the device's SQLite file, beside nio's own: one transaction writes both."""

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import peewee

Dropped = Callable[[str, BaseException | str, str], None]
"""Called with kind, reason (an exception or a word of ours) and sender for everything that came from outside and could not be borne."""


StoreTrouble = (peewee.OperationalError, sqlite3.OperationalError)
"""What is raised by whatever writes when the disk is full, broken or read-only."""


class _Connection(Protocol):
    """The part of peewee's database that is used here."""

    def execute_sql(self, sql: str, params: Sequence[object] | None = None) -> Any: ...

    def atomic(self) -> Any: ...


class Rows:
    """Tables in the device's file. All calls are synchronous and short."""

    schema = ""

    def __init__(self, database: object) -> None:
        self._database = cast("_Connection", database)
        for statement in self.schema.split(";"):
            self._database.execute_sql(statement)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Everything inside, nio's own writes too, is written as a whole or not at all."""
        with self._database.atomic():
            yield

    def _run(self, sql: str, *values: object) -> None:
        self._database.execute_sql(sql, values)

    def _one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        return self._database.execute_sql(sql, values).fetchone()

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._database.execute_sql(sql, values).fetchall()
