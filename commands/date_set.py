"""A coordinator sets the date of an event or a report: every room that it concerns hears of it, old and new."""

from dataclasses import replace
from typing import Annotated

from bot.command import Context, Reply, command
from bot.converters import Converter, DatePhrase
from bot.db import programme, reports
from bot.domain.chat_words import one_line, without_towards
from bot.domain.dates import PartialDate
from bot.domain.phrases import read_date
from bot.domain.places import COORDINATORS
from bot.domain.programme import Event
from bot.domain.reports import Report, debtor_room
from bot.domain.roles import Role
from bot.errors import UserError, text
from bot.rendering import template
from commands._dated import all_rooms, dated_meant

DatedKey = Annotated[str, Converter(text("workshop oder bericht"), lambda word: one_line(word, 100))]

_TOLD = template(
    "<p>{% trans %}Neuer Termin:{% endtrans %} <strong>{{ title }}</strong><br/>"
    "{% trans before=before|when, after=after|when %}statt {{ before }} jetzt {{ after }}{% endtrans %}"
    "{% if own %}<br/>{% trans day=own|when %}Für euch bleibt es bei {{ day }}: euer Aufschub gilt weiter.{% endtrans %}{% endif %}</p>"
)
_SET = template(
    "<p><strong>{{ title }}</strong>: {{ before|when }} → {{ after|when }}<br/>"
    "{% trans n=rooms %}Ein Raum erfährt es.{% pluralize %}{{ n }} Räume erfahren es.{% endtrans %}</p>"
)


@command("termin", "date", needs=Role.COORDINATOR, examples=[text("workshop-5 15. und 16.2.2030"), text("labor-2 30. Juni 2030")])
async def date_set(ctx: Context, key: DatedKey, when: DatePhrase) -> Reply:
    """Setzt den Termin eines Workshops oder Berichts; alle Räume, die er betrifft, erfahren den alten und den neuen."""
    dated = await dated_meant(ctx, key)
    after = read_date(without_towards(when), ctx.now.date())
    if not after.likely:
        raise UserError("Das Jahr %(year)s ist weit weg. Ist es ein Tippfehler?", year=after.last.year)
    before = dated.when if isinstance(dated, Event) else dated.due
    if before == after:
        raise UserError("Der Termin von »%(title)s« ist schon: %(when)s.", title=dated.title, when=after)
    if isinstance(dated, Event):
        if dated.cancelled:
            raise UserError("»%(title)s« ist abgesagt.", title=dated.title)
        await programme.set_when(ctx.session, dated, after)
    else:
        await reports.set_due(ctx.session, dated, after)
    longer = await _longer(ctx, dated)
    told = tuple(
        replace(saying, data={**saying.data, "own": longer.get(saying.room)})
        for saying in all_rooms(ctx, _TOLD, dated, title=dated.title, before=before, after=after)
    )
    data = {"title": dated.title, "before": before, "after": after, "rooms": len(told)}
    return Reply(_SET, data, audience=COORDINATORS, also=told)


async def _longer(ctx: Context, dated: Event | Report) -> dict[str, PartialDate]:
    """Return until when those have time, by their room, who were given more than everybody now has."""
    debts = [debt for debt in await reports.debts(ctx.session) if debt.report.key == dated.key and debt.status.owed]
    return {debtor_room(debt.debtor): debt.due for debt in debts if debt.due != debt.report.due}
