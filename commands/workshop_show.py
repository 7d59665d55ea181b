"""One workshop: the next one, or one by its number."""

from bot.command import Context, Reply, command
from bot.converters import Number
from bot.db import programme
from bot.domain.programme import Event, next_event
from bot.domain.roles import Role
from bot.errors import UserError
from bot.rendering import template

_WORKSHOP = template(
    "{% import 'events.html.j2' as show with context %}"
    "<p><strong>{{ event.title }}</strong>{% if event.cancelled %} ({% trans %}abgesagt{% endtrans %}){% endif %}<br/>"
    "{{ event.when|when }}{{ show.where(event) }}"
    "{% if not event.cancelled %}"
    "{% if event.when.last < today %} ({% trans %}vorbei{% endtrans %})"
    "{% elif not event.when.exact %}<br/>{% trans %}Der Tag steht noch nicht fest.{% endtrans %}"
    "{% elif event.when.first <= today %} ({% trans %}läuft gerade{% endtrans %})"
    "{% else %} ({{ show.days_left((event.when.first - today).days) }}){% endif %}"
    "{% if event.register_by and event.when.last >= today %}<br/>"
    "{% if event.register_by < today %}{% trans day=event.register_by|when %}Die Anmeldung war bis {{ day }} möglich.{% endtrans %}"
    "{% else %}{% trans day=event.register_by|when %}Anmeldung bis {{ day }}.{% endtrans %}{% endif %}{% endif %}"
    "{% endif %}</p>"
)


@command("workshop", "workshop", needs=Role.MEMBER, examples=["4", ""])
async def workshop_show(ctx: Context, number: Number | None = None) -> Reply:
    """Zeigt einen Workshop: den mit dieser Nummer, sonst den nächsten."""
    workshops = [event for event in await programme.every_event(ctx.session) if event.kind == "workshop"]
    today = ctx.now.date()
    return Reply(
        _WORKSHOP, {"event": _numbered(workshops, number, ctx) if number is not None else _next(workshops, ctx), "today": today}
    )


def _numbered(workshops: list[Event], number: int, ctx: Context) -> Event:
    found = next((event for event in workshops if event.number == number), None)
    if found is None:
        numbers = ", ".join(str(event.number) for event in workshops if event.number is not None)
        raise UserError(
            "Einen Workshop %(number)s gibt es nicht. Es gibt: %(numbers)s. Alle Termine zeigt: %(prefix)s programm",
            number=number,
            numbers=numbers or "–",
            prefix=ctx.prefix,
        )
    return found


def _next(workshops: list[Event], ctx: Context) -> Event:
    found = next_event(workshops, ctx.now.date())
    if found is None:
        raise UserError("Es steht kein Workshop mehr an. Alle Termine zeigt: %(prefix)s programm", prefix=ctx.prefix)
    return found
