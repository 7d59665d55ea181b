"""A search over everything that all members may know: labs, events, reports."""

from collections.abc import Iterable
from typing import TypeVar

from bot.command import Context, Reply, command
from bot.converters import SearchWords
from bot.db import labs, programme, reports
from bot.domain.labs import search_text
from bot.domain.matching import close_matches, fold
from bot.domain.roles import Role
from bot.rendering import template

MOST = 8
"""Hits of one kind that are shown."""

Item = TypeVar("Item")

_FOUND = template(
    "{% macro more(n) %}{% if n > 0 %}<li>{% trans n=n %}… und noch eines{% pluralize %}… und {{ n }} weitere{% endtrans %}</li>"
    "{% endif %}{% endmacro %}"
    "{% if labs %}<p><strong>{% trans %}Labore{% endtrans %}</strong></p><ul>{% for lab in labs[:most] %}"
    "<li>{{ lab.name }} ({{ lab.state|state }})</li>{% endfor %}{{ more(labs|length - most) }}</ul>{% endif %}"
    "{% if events %}<p><strong>{% trans %}Programm{% endtrans %}</strong></p><ul>{% for event in events[:most] %}"
    "<li>{{ event.title }}, {{ event.when|when }}</li>{% endfor %}{{ more(events|length - most) }}</ul>{% endif %}"
    "{% if reports %}<p><strong>{% trans %}Berichte{% endtrans %}</strong></p><ul>{% for report in reports[:most] %}"
    "<li>{{ report.title }} (<code>{{ report.key }}</code>), {{ report.due|when }}</li>{% endfor %}"
    "{{ more(reports|length - most) }}</ul>{% endif %}"
)
_NOTHING = template(
    "<p>{% trans words=words %}Zu »{{ words }}« finde ich nichts.{% endtrans %}"
    "{% if guesses %} {% trans guesses=guesses|join(' · ') %}Meintest du {{ guesses }}?{% endtrans %}{% endif %}</p>"
)


@command("suche", "search", needs=Role.MEMBER, examples=["open data"])
async def search(ctx: Context, words: SearchWords) -> Reply:
    """Sucht in Laboren, Programm und Berichten."""
    all_labs = await labs.every(ctx.session)
    events = await programme.every_event(ctx.session)
    found = {
        "labs": _hits(words, ((lab, search_text(lab)) for lab in all_labs)),
        "events": _hits(words, ((event, fold(f"{event.title} {event.place or ''}")) for event in events)),
        "reports": _hits(words, ((r, fold(f"{r.title} {r.series_title}")) for r in await reports.every(ctx.session))),
    }
    if any(found.values()):
        return Reply(_FOUND, {**found, "most": MOST})
    names = [name for lab in all_labs for name in (lab.name, *lab.municipalities, *lab.topics)]
    return Reply(_NOTHING, {"words": words, "guesses": close_matches(words, names)})


def _hits(words: str, texts: Iterable[tuple[Item, str]]) -> list[Item]:
    wanted = fold(words).split()
    return [item for item, text in texts if all(word in text for word in wanted)]
