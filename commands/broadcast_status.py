"""What became of a broadcast: which room has it, which does not yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.command import Context, Reply, command
from bot.converters import Number
from bot.db import broadcasts, deliveries, labs
from bot.db.broadcasts import Broadcast
from bot.db.deliveries import Delivery
from bot.domain.broadcasts import POINTLESS_AFTER, lab_keys, notices
from bot.domain.places import COORDINATORS
from bot.domain.roles import Role
from bot.errors import UserError
from bot.rendering import template

_STATUS = template(
    "<p><strong>{% trans n=number %}Rundruf {{ n }}{% endtrans %}</strong>, "
    "{% trans person=author, when=created|when %}von {{ person }}, {{ when }}{% endtrans %}<br/>"
    "{% if state == 'confirmed' and not day %}"
    "{% trans n=sent|length, all=total %}In {{ n }} von {{ all }} Räumen angekommen.{% endtrans %}"
    "{% if waiting %}<br/>"
    "{% trans n=waiting|length, labs=waiting|join(' · ') %}Wartet noch ({{ n }}): {{ labs }}{% endtrans %}{% endif %}"
    "{% if failed %}<br/>"
    "{% trans n=failed|length, labs=failed|join(' · ') %}Nicht zustellbar ({{ n }}): {{ labs }}{% endtrans %}{% endif %}"
    "{% elif state == 'confirmed' and missed %}"
    "{% trans day=day|when, time=time %}Ausgefallen, weil ich nicht da war (geplant für {{ day }}, {{ time }}); niemand hat ihn bekommen."
    "{% endtrans %}"
    "{% elif state == 'confirmed' %}"
    "{% trans day=day|when, time=time %}Geplant für {{ day }}, {{ time }}.{% endtrans %} "
    "{% trans %}Bis dahin zieht ein ❌ unter der Vorschau ihn zurück.{% endtrans %}"
    "{% elif state == 'withdrawn' %}"
    "{% trans person=decided_by %}Zurückgezogen von {{ person }}; niemand hat ihn bekommen.{% endtrans %}"
    "{% elif state == 'discarded' %}"
    "{% trans person=decided_by %}Verworfen von {{ person }}; niemand hat ihn bekommen.{% endtrans %}"
    "{% elif expired %}{% trans %}Die Vorschau ist abgelaufen; niemand hat ihn bekommen.{% endtrans %}"
    "{% else %}{% trans until=expires|when %}Wartet bis {{ until }} auf ✅ oder ❌.{% endtrans %}{% endif %}</p>"
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The names of the labs, by what became of their notices."""

    sent: list[str]
    waiting: list[str]
    failed: list[str]


@command("rundruf status", "broadcast status", needs=Role.COORDINATOR, examples=["3", ""])
async def broadcast_status(ctx: Context, number: Number | None = None) -> Reply:
    """Zeigt, in welchen Räumen ein Rundruf angekommen ist: der mit dieser Nummer, sonst der neueste."""
    found = await _found(ctx, number)
    keys = lab_keys(found.id, found.labs)
    rows = {row.key: row for row in await deliveries.with_prefix(ctx.session, notices(found.id)) if row.key in keys.values()}
    ledger = await _ledger(ctx, keys, rows)
    planned = _here(ctx, found.send_at) if found.send_at and not rows else None
    return Reply(
        _STATUS,
        {
            "number": found.id,
            "author": found.author,
            "created": _here(ctx, found.created_at),
            "state": found.state,
            "decided_by": found.decided_by,
            "expires": _here(ctx, found.expires_at),
            "expired": ctx.now >= found.expires_at,
            "total": len(found.labs),
            "sent": ledger.sent,
            "waiting": ledger.waiting,
            "failed": ledger.failed,
            "day": planned.date() if planned else None,
            "time": f"{planned:%H:%M}" if planned else "",
            "missed": planned is not None and ctx.now >= planned + POINTLESS_AFTER,
        },
        audience=COORDINATORS,
    )


async def _found(ctx: Context, number: int | None) -> Broadcast:
    newest = await broadcasts.newest(ctx.session)
    if not newest:
        raise UserError("Es gab noch keinen Rundruf.")
    found = newest[0] if number is None else await broadcasts.get(ctx.session, number)
    if found is None:
        raise UserError("Einen Rundruf %(number)s gibt es nicht.", number=number)
    return found


async def _ledger(ctx: Context, keys: Mapping[str, str], rows: Mapping[str, Delivery]) -> Ledger:
    names = {lab.key: lab.name for lab in await labs.every(ctx.session)}
    ledger = Ledger([], [], [])
    for lab, key in keys.items():
        row = rows.get(key)
        if row is None or row.done_at is None:
            ledger.waiting.append(names.get(lab, lab))
        elif row.outcome == deliveries.SENT:
            ledger.sent.append(names.get(lab, lab))
        else:
            ledger.failed.append(names.get(lab, lab))
    return ledger


def _here(ctx: Context, when: datetime) -> datetime:
    return when.astimezone(ctx.now.tzinfo)
