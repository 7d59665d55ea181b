"""What is made out of the code: `docs/commands.md` and the catalogue of sentences. `--check` says what is not up to date.

python -m bot.documentation            writes both; new sentences stand untranslated in the catalogue until somebody writes them
python -m bot.documentation --check    exit status 1 and one line for each thing that is missing or stale
"""

import ast
import inspect
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

import commands
from bot.command import Command
from bot.domain.roles import Role
from bot.errors import Text, text
from bot.registry import find_commands
from bot.rendering import catalogue
from bot.rendering.catalogue import DOMAIN, LOCALE_DIR
from bot.rendering.templates import TEMPLATE_DIR

ROOT = Path(__file__).parent.parent
COMMANDS_PAGE = ROOT / "docs" / "commands.md"
_PACKAGES = ("bot", "commands", "schedules")
_KEYWORDS: dict[str, Any] = dict.fromkeys(("text", "UserError", "UsageError", "Denied", "NoDate", "_", "_t")) | {"ntext": (1, 2)}
_JINJA_OPTIONS = {"trimmed": "false", "trim_blocks": "true", "lstrip_blocks": "true"}

_WHO = {
    Role.GUEST: text("alle"),
    Role.MEMBER: text("alle im Netzwerk"),
    Role.LAB: text("Labore"),
    Role.RESEARCH: text("Forschung"),
    Role.COORDINATOR: text("Koordination"),
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that people read. `plural` where it has a plural form; `place` is the file where it stands."""

    msgid: str
    plural: str | None
    place: str


def sentences() -> list[Sentence]:
    """Return every sentence in code and templates, each once."""
    found: dict[str, Sentence] = {}
    for package in _PACKAGES:
        for path in sorted(p for p in (ROOT / package).rglob("*.py") if "migrations" not in p.parts):
            for sentence in _in_python(path.read_text("utf-8"), path.relative_to(ROOT).as_posix()):
                found.setdefault(sentence.msgid, sentence)
    for path in sorted(TEMPLATE_DIR.glob("*.j2")):
        for sentence in _in_template(path.read_text("utf-8"), path.relative_to(ROOT).as_posix()):
            found.setdefault(sentence.msgid, sentence)
    return sorted(found.values(), key=lambda s: (s.place, s.msgid))


def _in_python(source: str, place: str) -> Iterator[Sentence]:
    for _, function, messages, _ in extract_python(io.BytesIO(source.encode()), _KEYWORDS, [], {"encoding": "utf-8"}):
        only_first = function != "ntext" and isinstance(messages, tuple)  # strings within the data are no sentences
        yield from _sentence(messages[0] if only_first else messages, place)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _called(node) == "template" and node.args and isinstance(node.args[0], ast.Constant):
            yield from _in_template(str(node.args[0].value), place)
        if isinstance(node, ast.AsyncFunctionDef) and any(
            isinstance(d, ast.Call) and _called(d) == "command" for d in node.decorator_list
        ):
            yield Sentence(inspect.cleandoc(ast.get_docstring(node) or ""), None, place)


def _in_template(source: str, place: str) -> Iterator[Sentence]:
    for _, _, messages, _ in babel_extract(io.BytesIO(source.encode()), ("gettext", "ngettext", "_"), (), _JINJA_OPTIONS):
        yield from _sentence(messages, place)


def _sentence(messages: Any, place: str) -> Iterator[Sentence]:
    """Yield what an extractor found: a message, or a message with its plural."""
    parts = [messages] if isinstance(messages, str) else [m for m in messages if isinstance(m, str)] if messages else []
    if parts and parts[0]:
        yield Sentence(parts[0], parts[1] if len(parts) > 1 else None, place)


def _called(node: ast.Call) -> str | None:
    return node.func.id if isinstance(node.func, ast.Name) else None


def _po_path(language: str) -> Path:
    return LOCALE_DIR / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def _translated(language: str) -> Catalog:
    with _po_path(language).open("rb") as source:
        return read_po(source, locale=language, domain=DOMAIN)


def missing_translations(language: str = "en") -> list[str]:
    """Return a line for each sentence that is not translated, or whose translation lost a placeholder, and for each that is stale."""
    known = _translated(language)
    wanted = sentences()
    lines: list[str] = []
    for sentence in wanted:
        message = known.get(sentence.msgid)
        translation = _strings(message.string) if message and not message.fuzzy else ()
        forms = [sentence.msgid, *([sentence.plural] if sentence.plural else [])]
        if len(translation) != len(forms) or not all(translation):
            lines.append(f"{sentence.place}: no {language} for {sentence.msgid!r}")
        elif any((_placeholders(t) ^ _placeholders(form)) - {"n"} for t, form in zip(translation, forms, strict=True)):
            lines.append(f"{sentence.place}: other placeholders in the {language} of {sentence.msgid!r}")
    current = {sentence.msgid for sentence in wanted}
    stale = [_strings(message.id)[0] for message in known if message.id and _strings(message.id)[0] not in current]
    return lines + [f"nothing says {msgid!r} any more" for msgid in stale]


def _strings(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _placeholders(sentence: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)", sentence))


def update_catalogue(language: str = "en") -> None:
    """Write the catalogue anew: translations kept, new sentences empty, stale ones gone."""
    known = _translated(language)
    fresh = Catalog(locale=language, domain=DOMAIN, project="Netzwart", fuzzy=False)
    for sentence in sentences():
        message = known.get(sentence.msgid)
        msgid: Any = (sentence.msgid, sentence.plural) if sentence.plural else sentence.msgid
        fits = message is not None and len(_strings(message.id)) == len(_strings(msgid))
        fresh.add(msgid, message.string if message and fits else None, locations=[(sentence.place, 0)])
    with _po_path(language).open("wb") as target:
        write_po(target, fresh, width=120, include_lineno=False, omit_header=False, sort_output=False)
    _shorten_header(_po_path(language))


def _shorten_header(path: Path) -> None:
    """Take Babel's form for names and dates out of the header: dates would change with every run."""
    form = re.compile(
        r'"(POT-Creation-Date|PO-Revision-Date|Report-Msgid-Bugs-To|Last-Translator|Language-Team|Generated-By)|#( |$)'
    )
    path.write_text("\n".join(line for line in path.read_text("utf-8").split("\n") if not form.match(line)), "utf-8")


def commands_page() -> str:
    """Return `docs/commands.md`: every command in German and English, out of their declarations."""
    registry = find_commands(commands)
    lines = ["# Befehle · Commands", "", "<!-- Made by `make docs` out of commands/. -->", ""]
    lines += ["| Deutsch | English | wer · who |", "|---|---|---|"]
    lines += [f"| `{c.name('de')}` | `{c.name('en')}` | {_who(c, 'de')} · {_who(c, 'en')} |" for c in registry.commands]
    for each in registry.commands:
        lines += ["", f"## {each.name('de')} · {each.name('en')}", ""]
        for language in ("de", "en"):
            lines += [f"{_in(language, each.help)}", "", "```", *_usage_and_examples(each, language), "```", ""]
        lines.pop()
    return "\n".join(lines) + "\n"


def _usage_and_examples(each: Command, language: str) -> list[str]:
    say = catalogue(language).say
    usage = f"!netz {each.usage(language, say)}"
    return [usage, *(f"!netz {each.name(language)} {example}".rstrip() for example in each.shown(say) if example)]


def _who(each: Command, language: str) -> str:
    return ", ".join(catalogue(language).say(label) for role, label in _WHO.items() if role in each.needs)


def _in(language: str, msgid: str) -> str:
    return catalogue(language).say(Text(msgid))


def main(arguments: list[str]) -> int:
    """Write, or check. Return the exit status."""
    if arguments != ["--check"]:
        update_catalogue()
        catalogue.cache_clear()
        COMMANDS_PAGE.parent.mkdir(exist_ok=True)
        COMMANDS_PAGE.write_text(commands_page(), "utf-8")
        return 0
    problems = missing_translations()
    if not COMMANDS_PAGE.exists() or COMMANDS_PAGE.read_text("utf-8") != commands_page():
        problems.append("docs/commands.md is not up to date: run `make docs`")
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
