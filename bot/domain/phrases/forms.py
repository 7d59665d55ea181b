"""Forms: patterns of folded words, and what each of them means. The longest one that fits is what was said."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Generic, TypeVar

from bot.domain.phrases.said import Found, Said

T = TypeVar("T")
END = r"(?!\w)"


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """A pattern, and what a match of it means; `read` raises `UserError` for what does not exist, or is not clear."""

    pattern: re.Pattern[str]
    read: Callable[[Found], T]


@dataclass(frozen=True, slots=True)
class Forms(Generic[T]):
    """Forms of the same thing."""

    every: list[Form[T]] = field(default_factory=list[Form[T]])

    def form(self, *patterns: str, end: str = END) -> Callable[[Callable[[Found], T]], Callable[[Found], T]]:
        """Return a decorator: the function says what any of these patterns means."""

        def add(read: Callable[[Found], T]) -> Callable[[Found], T]:
            self.every.extend(Form(re.compile(f"(?:{pattern}){end}"), read) for pattern in patterns)
            return read

        return add

    def longest(self, said: Said, start: int, today: date) -> tuple[Found, Callable[[Found], T]] | None:
        """Return the longest form that stands at `start`, not read yet, and how to read it; of equally long ones, the first declared."""
        best: tuple[Found, Callable[[Found], T]] | None = None
        for form in self.every:
            match = form.pattern.match(said.plain, start)
            if match and match.end() > start and (best is None or match.end() > best[0].end):
                best = (Found(said, match, today), form.read)
        return best
