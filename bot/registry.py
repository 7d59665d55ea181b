"""Finds the commands and the reminder policies: every module of a package is looked into, nothing is listed by hand."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

from bot.command import BadDeclaration, Command, ReactionHandler
from bot.domain.chat_words import Word, first_words, words
from bot.domain.matching import close_matches, fold
from bot.errors import UserError
from bot.reminder_policy import ReminderPolicy

_LONGEST_WORD = 80
"""Characters of a word that are compared with the names of commands."""


@dataclass(frozen=True)
class Registry:
    """All commands, in the order of their German names, and all handlers of reactions."""

    commands: tuple[Command, ...]
    reactions: tuple[ReactionHandler, ...] = ()

    def find(self, body: str) -> tuple[Command, list[Word]] | None:
        """Return the command that `body` begins with (the longest name that fits) and the words after it."""
        by_name = {tuple(fold(name).split()): command for command in self.commands for name in command.names}
        said = [fold(word.text[:_LONGEST_WORD]) for word in first_words(body, max(map(len, by_name), default=0))]
        for count in range(len(said), 0, -1):
            command = by_name.get(tuple(said[:count]))
            if command is not None:
                return command, words(body)[count:]
        return None

    def near_misses(self, body: str) -> list[str]:
        """Return names of commands that the first words of `body` may have been meant to be."""
        said = [word.text[:_LONGEST_WORD] for word in first_words(body, 2)]
        names = [name for command in self.commands for name in command.names]
        for count in (2, 1):
            found = close_matches(" ".join(said[:count]), names) if len(said) >= count else []
            if found:
                return found
        return []

    def reacts_to(self, symbol: str) -> list[str]:
        """Return how the keys of the answers begin under which a reaction with `symbol` means something."""
        return [r.key_prefix for r in self.reactions if symbol in r.symbols]

    def reaction(self, key: str, symbol: str) -> ReactionHandler | None:
        """Return what a reaction with `symbol` to the answer `key` does, if anything."""
        return next((r for r in self.reactions if key.startswith(r.key_prefix) and symbol in r.symbols), None)


def find_commands(package: ModuleType) -> Registry:
    """Return everything that the modules of `package` declare. Raises `BadDeclaration` for what cannot work together."""
    members = [member for module in _modules(package) for member in vars(module).values()]
    commands = sorted((m for m in members if isinstance(m, Command)), key=lambda c: c.names)
    taken: dict[str, Command] = {}
    for command in commands:
        for name in dict.fromkeys(fold(name) for name in command.names):
            if name in taken:
                raise BadDeclaration(f"two commands are called {name!r}")
            taken[name] = command
        _check_examples(command)
    return Registry(tuple(commands), tuple(m for m in members if isinstance(m, ReactionHandler)))


def find_policies(package: ModuleType) -> tuple[ReminderPolicy[Any], ...]:
    """Return the `policy` of every module of `package`. Raises `BadDeclaration` if two share a name, or one has none."""
    policies: list[ReminderPolicy[Any]] = []
    for module in _modules(package):
        policy: object = getattr(module, "policy", None)
        if not isinstance(policy, ReminderPolicy):
            raise BadDeclaration(f"{module.__name__}: no reminder policy called `policy`")
        policies.append(cast("ReminderPolicy[Any]", policy))
    names = [policy.name for policy in policies]
    if len(set(names)) != len(names) or any(":" in name for name in names):
        raise BadDeclaration(f"names of policies must be unique and without a colon: {names}")
    return tuple(policies)


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        if not module.name.startswith("_"):
            yield importlib.import_module(f"{package.__name__}.{module.name}")


def _check_examples(command: Command) -> None:
    for example in command.shown(lambda text: text.msgid) or ("",):
        try:
            command.parse(example, words(example))
        except UserError as error:
            raise BadDeclaration(f"{command.names[0]}: the example {example!r} does not parse: {error}") from error
