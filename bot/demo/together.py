"""Several things at once, with one plain error if one of them fails."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def together(*doing: Coroutine[None, None, T]) -> list[T]:
    """Await all of `doing` at once and return their results in order.

    If one fails, the others are cancelled and awaited, and its error is raised: as it is, in no group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in doing]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    return [task.result() for task in tasks]
