"""Which own reminders are to come in this room, in the order of time."""

from bot.command import Context, Reply, command
from bot.db import own_reminders
from bot.domain.chat_words import one_line
from bot.domain.roles import Role
from bot.rendering import template
from commands._own_reminders import foreign, here

_MOST_CHARACTERS = 80

_LIST = template(
    "{% if reminders %}<p>{% trans %}Erinnerungen in diesem Raum:{% endtrans %}</p><ul>"
    "{% for reminder in reminders %}<li><strong>{{ reminder.number }}</strong> · {{ reminder.at|day_and_time }}"
    "{% if reminder.zone %} ({{ reminder.zone }}){% endif %}"
    "{% if reminder.rule %} · {{ reminder.rule|rhythm }}{% endif %}"
    "{% if reminder.every %} · {% trans every=reminder.every|rhythm %}{{ every }}, bis es erledigt ist{% endtrans %}{% endif %}"
    " · {{ reminder.text }} ({{ reminder.author }})</li>{% endfor %}</ul>"
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
    return Reply(_LIST, {"reminders": shown, "prefix": ctx.prefix})
