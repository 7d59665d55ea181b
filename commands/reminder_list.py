"""Which own reminders are to come in this room, in the order of time."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from bot.command import Context, Reply, command
from bot.db import own_reminders
from bot.domain.chat_words import one_line
from bot.domain.roles import Role
from bot.rendering import content, render, template
from commands._own_reminders import foreign, here

_MOST_CHARACTERS = 80
_MOST_BYTES = content.MOST_BYTES - 5_000
"""Of what is listed, as text and as HTML: a list that does not fit into one event could not be sent at all."""


_LIST = template(
    "{% if reminders %}<p>{% trans %}Erinnerungen in diesem Raum:{% endtrans %}</p><ul>"
    "{% for reminder in reminders %}<li><strong>{{ reminder.number }}</strong> · {{ reminder.at|day_and_time }}"
    "{% if reminder.zone %} ({{ reminder.zone }}){% endif %}"
    "{% if reminder.rule %} · {{ reminder.rule|rhythm }}{% endif %}"
    "{% if reminder.every %} · {% trans every=reminder.every|rhythm %}{{ every }}, bis es erledigt ist{% endtrans %}{% endif %}"
    " · {{ reminder.text }} ({{ reminder.author }})</li>{% endfor %}</ul>"
    "{% if more %}<p>{% trans n=more %}Eine weitere kommt später.{% pluralize %}{{ n }} weitere kommen später.{% endtrans %}</p>{% endif %}"
    "{% else %}<p>{% trans prefix=prefix %}Hier ist keine Erinnerung offen. Eine setzen:"
    " <code>{{ prefix }} erinnern morgen 10 Uhr Protokoll schicken</code>{% endtrans %}</p>{% endif %}"
)


@command("erinnerungen", "reminders", "meine erinnerungen", needs=Role.MEMBER)
async def reminder_list(ctx: Context) -> Reply:
    """Zeigt, woran ich in diesem Raum noch erinnere, mit den Nummern dafür."""
    found = await own_reminders.open_in(ctx.session, here(ctx))
    shown = [
        {
            "number": reminder.id,
            "at": reminder.due_at.astimezone(reminder.zone),
            "zone": foreign(ctx, reminder.zone),
            "rule": reminder.rule,
            "every": reminder.every,
            "text": one_line(reminder.text, _MOST_CHARACTERS),
            "author": reminder.author,
        }
        for reminder in found
        if reminder.due_at is not None
    ]
    listed = _fitting(ctx, shown)
    return Reply(_LIST, {"reminders": listed, "more": len(shown) - len(listed), "prefix": ctx.prefix})


def _fitting(ctx: Context, lines: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Return as many of the first lines as fit into one event."""
    alone = (render(_LIST, ctx.language, {"reminders": [line], "more": 0}) for line in lines)
    sizes = accumulate(len(said.body.encode()) + len(said.html.encode()) for said in alone)
    return [line for line, size in zip(lines, sizes, strict=True) if size <= _MOST_BYTES]
