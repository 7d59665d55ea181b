"""What coordinators decide about a report: whose is meant, and how its debtor hears of it."""

from bot.command import Context, Saying
from bot.converters import ReportName
from bot.db import reports
from bot.domain.reports import RESEARCH, Debt, OwedBy, debtor_room
from bot.errors import UserError
from bot.rendering import Template
from commands._lab_meant import lab_meant
from commands._report_meant import check_owed_by_labs, report_meant


async def decided_debt(ctx: Context, name: ReportName) -> Debt:
    """Return whose report a coordinator means, held until the transaction ends. Raises `UserError` if that is not clear."""
    report = await report_meant(ctx, name.report, None if ctx.place.lab is None else [ctx.place.lab])
    if report.owed_by is OwedBy.RESEARCH:
        if name.lab is not None:
            check_owed_by_labs(report)
        debtor = RESEARCH
    elif name.lab is not None:
        debtor = (await lab_meant(ctx, name.lab)).key
    elif ctx.place.lab is not None:
        debtor = ctx.place.lab
    else:
        raise UserError("Von welchem Labor? Schreib zum Beispiel: %(name)s", name=f"{report.key}:bremen")
    debt = await reports.held_debt(ctx.session, report, debtor)
    if debt is None:
        raise UserError("Das Labor »%(lab)s« steht nicht in meinen Daten.", lab=debtor)
    return debt


def told(ctx: Context, debt: Debt, template: Template, **data: object) -> tuple[Saying, ...]:
    """Return what the debtor's room hears of a decision; nothing if it has none that we know."""
    room = debtor_room(debt.debtor)
    if room not in ctx.rooms.keys():
        return ()
    key = f"report:{debt.report.key}:{debt.debtor}:{ctx.message.event_id}"
    words = {"title": debt.report.title, "key": debt.report.key, "prefix": ctx.prefix}
    return (Saying(key, room, template, words | data),)
