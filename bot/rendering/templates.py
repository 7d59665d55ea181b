"""Templates: Jinja2 with autoescape, so that what people typed is shown as typed and never becomes markup.

A template is written in HTML once; the plain body is made out of it. Templates of one command stand in the command's file
(`template("…")`), those that several share in `bot/templates/`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from bot.domain.dates import PartialDate
from bot.domain.recurrence import Recurrence
from bot.errors import Text
from bot.rendering.catalogue import catalogue
from bot.rendering.dates import format_day, format_day_and_time, format_moment, format_partial, format_weekday
from bot.rendering.markup import markdown_to_html, plain_text, sanitise
from bot.rendering.recurrences import format_interval, format_recurrence
from bot.rendering.states import state_name

EVERYBODY = "@room"
TEMPLATE_DIR = Path(__file__).parent.parent / "templates"


@dataclass(frozen=True, slots=True)
class Template:
    """A template's source. Made by `template()` or `template_file()`."""

    source: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The two bodies of a message: `body` plain, `html` formatted. `mentions`: the user ids that it mentions, or `@room`."""

    body: str
    html: str
    mentions: tuple[str, ...] = ()


def template(source: str) -> Template:
    """Return a template that stands in the code; its sentences are collected from there."""
    return Template(source)


def template_file(name: str) -> Template:
    """Return the template in `bot/templates/<name>`."""
    return Template((TEMPLATE_DIR / name).read_text("utf-8"))


def render(source: Template, language: str, data: dict[str, Any]) -> Rendered:
    """Return the message in `language`. `data` may hold any values that the template shows, `Text` and `PartialDate` too."""
    mentioned: list[str] = []
    values = {name: _ready(value, language) for name, value in data.items()}
    html = _compiled(source, language).render(values, _mentioned=mentioned)
    tidy = sanitise(html).strip()
    return Rendered(plain_text(tidy), tidy, tuple(dict.fromkeys(mentioned)))


def _ready(value: object, language: str) -> object:
    if isinstance(value, Text):
        return catalogue(language).say(value)
    if isinstance(value, list | tuple):
        return [_ready(item, language) for item in cast("list[object]", value)]
    return value


@cache
def _compiled(source: Template, language: str) -> jinja2.Template:
    return _environment(language).from_string(source.source)


@cache
def _environment(language: str) -> jinja2.Environment:
    speech = catalogue(language)

    def shown(value: object) -> object:
        return speech.say(value) if isinstance(value, Text) else value

    def when(value: PartialDate | datetime | date) -> object:
        if isinstance(value, PartialDate):
            return shown(format_partial(value, speech.language))
        if isinstance(value, datetime):
            return format_moment(value, speech.language)
        return format_day(value, speech.language)

    def weekday(day: date) -> str:
        return format_weekday(day, speech.language)

    def day_and_time(moment: datetime) -> str:
        return format_day_and_time(moment, speech.language)

    def rhythm(what: Recurrence | timedelta) -> str:
        formatted = format_interval if isinstance(what, timedelta) else format_recurrence
        return speech.say(cast("Any", formatted)(what, speech.language))

    def state(code: str) -> str:
        return state_name(code, speech.language)

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
        loader=jinja2.FileSystemLoader(TEMPLATE_DIR),
    )
    install = cast("Callable[..., None]", getattr(environment, "install_gettext_translations"))  # noqa: B009  (added by the extension)
    install(speech.translations, newstyle=True)
    filters = cast("dict[str, Any]", environment.filters)
    filters.update(when=when, weekday=weekday, state=state, markdown=_markdown, pill=_pill)
    filters.update(day_and_time=day_and_time, rhythm=rhythm)
    return environment


def _markdown(source: str) -> Markup:
    return Markup(markdown_to_html(source))  # noqa: S704  (sanitised there)


@jinja2.pass_context
def _pill(context: jinja2.runtime.Context, user_id: str) -> Markup:
    """Show a person, or `@room` (all who are there), as a mention, and remember it for `m.mentions`."""
    cast("list[str]", context["_mentioned"]).append(user_id)
    if user_id == EVERYBODY:
        return escape(EVERYBODY)
    href = f"https://matrix.to/#/{quote(user_id, safe='@:')}"
    return Markup('<a href="{}">{}</a>').format(href, escape(user_id))
