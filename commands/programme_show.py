"""The programme: what is next, where we are, everything in order."""

from bot.command import Context, Reply, command
from bot.db import programme
from bot.domain.programme import current_phase, in_order, next_event, spans
from bot.domain.roles import Role
from bot.rendering import template

_PROGRAMME = template(
    "{% import 'events.html.j2' as show with context %}"
    "{% if not events %}<p>{% trans %}Im Programm steht noch nichts.{% endtrans %}</p>{% endif %}"
    "{% if coming %}<p>"
    "{% if running %}{% trans %}Gerade läuft:{% endtrans %}{% else %}{% trans %}Als Nächstes:{% endtrans %}{% endif %}"
    " <strong>{{ coming.title }}</strong>, {{ coming.when|when }}{{ show.where(coming) }}"
    "{% if days is not none and not running %} ({{ show.days_left(days) }}){% endif %}</p>{% endif %}"
    "{% if phase %}<p>{% trans n=phase.phase.number %}Wir sind in Phase {{ n }}.{% endtrans %}</p>{% endif %}"
    "{% if events %}<ul>{% for event in events %}<li>{% if event.cancelled %}<del>{{ event.title }}, {{ event.when|when }}</del>"
    " ({% trans %}abgesagt{% endtrans %}){% else %}{% if event.when.last < today %}✓ {% endif %}"
    "{{ event.title }}, {{ event.when|when }}{{ show.where(event) }}{% endif %}</li>{% endfor %}</ul>{% endif %}"
)


@command("programm", "programme", "program", needs=Role.MEMBER)
async def programme_show(ctx: Context) -> Reply:
    """Zeigt, was als Nächstes kommt, wo wir stehen, und alle Termine so genau, wie sie bekannt sind."""
    today = ctx.now.date()
    events = in_order(await programme.every_event(ctx.session))
    coming = next_event(events, today)
    exact = coming is not None and coming.when.exact
    return Reply(
        _PROGRAMME,
        {
            "events": events,
            "coming": coming,
            "running": exact and coming is not None and coming.when.first <= today,
            "days": (coming.when.first - today).days if coming is not None and exact else None,
            "phase": current_phase(spans(await programme.every_phase(ctx.session), events), today),
            "today": today,
        },
    )
