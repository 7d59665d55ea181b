"""Which tables a transaction writes to: what reminders follow from may have changed, and nobody has to remember to say so."""

from typing import Any

from sqlalchemy import Delete, Insert, Update, event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState

from bot.db.tables import attachments, deliveries

_WHAT_IS_SAID: frozenset[Any] = frozenset({attachments, deliveries})
"""Every answer is written there; nothing follows from it but what is said."""


class Changes:
    """Watches a session from now on. `any`: whether something was written beside what is said."""

    def __init__(self, session: AsyncSession) -> None:
        self._tables: set[Any] = set()
        event.listen(session.sync_session, "do_orm_execute", self._look)

    @property
    def any(self) -> bool:
        """Whether facts have changed, or will have when this transaction is committed."""
        return bool(self._tables - _WHAT_IS_SAID)

    def _look(self, state: ORMExecuteState) -> None:
        statement: Any = state.statement
        if isinstance(statement, Insert | Update | Delete):
            self._tables.add(statement.table)
