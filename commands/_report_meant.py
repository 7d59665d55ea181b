"""Which report is meant, and whose: shared by the commands that take a report's key."""

from collections.abc import Collection

from bot.command import Context, Reply
from bot.converters import ReportName
from bot.db import reports
from bot.domain.matching import close_matches
from bot.domain.places import COORDINATION, PlaceKind, lab_room
from bot.domain.reports import RESEARCH, Debt, OwedBy, Report, debtor_audience, find_reports, own_debtors
from bot.errors import Denied, UserError, text
from bot.rendering import template
from commands._lab_meant import lab_meant


def owes(debtor: str, report: Report) -> bool:
    """Return whether `debtor` is one of those who owe `report`."""
    return (debtor == RESEARCH) == (report.owed_by is OwedBy.RESEARCH)


async def report_meant(ctx: Context, word: str, debtors: Collection[str] | None) -> Report:
    """Return the report that `word` means, among those of `debtors` (None: of all) if it may mean several. Raises `UserError`."""
    every = await reports.every(ctx.session)
    found = find_reports(every, word)
    if len(found) > 1 and debtors is not None:
        found = [report for report in found if any(owes(debtor, report) for debtor in debtors)] or found
    if len(found) == 1:
        return found[0]
    if found:
        keys = " · ".join(report.key for report in found)
        raise UserError("»%(word)s« kann mehrere Berichte meinen: %(reports)s.", word=word, reports=keys)
    guesses = close_matches(word, [report.key for report in every])
    if guesses:
        raise UserError("Einen Bericht »%(word)s« kenne ich nicht. Meintest du %(guess)s?", word=word, guess=" · ".join(guesses))
    keys = ", ".join(report.key for report in every)
    raise UserError("Einen Bericht »%(word)s« kenne ich nicht. Es gibt: %(reports)s.", word=word, reports=keys or "–")


_REFUSED = template("<p>{{ sentence }}</p>")


def refused(debt: Debt, refusal: UserError) -> Reply:
    """Return a refusal that says how things stand, for those who may know."""
    return Reply(_REFUSED, {"sentence": refusal.text}, audience=debtor_audience(debt.debtor))


async def own_debt(ctx: Context, name: ReportName, *, hold: bool = False) -> Debt:
    """Return the debt that somebody acts for in this place; with `hold`, nobody else changes it until the transaction ends.

    Raises `Denied` if it is not theirs, `UserError` if it is not clear.
    """
    own = own_debtors(ctx.roles, ctx.place)
    report = await report_meant(ctx, name.report, own)
    debtor = await _own_debtor(ctx, report, name.lab, own)
    if hold:
        debt = await reports.held_debt(ctx.session, report, debtor)
    else:
        debt = next((debt for debt in await reports.debts(ctx.session, [debtor]) if debt.report == report), None)
    if debt is None:
        raise UserError("Das Labor »%(lab)s« steht nicht in meinen Daten.", lab=debtor)
    return debt


async def _own_debtor(ctx: Context, report: Report, lab: str | None, own: Collection[str]) -> str:
    owing = [debtor for debtor in own if owes(debtor, report)]
    if lab is not None:
        check_owed_by_labs(report)
        named = (await lab_meant(ctx, lab)).key
        if named not in owing:
            raise _only_in(ctx, lab_room(named))
        return named
    if len(owing) > 1:
        raise UserError("Für welches Labor? Schreib zum Beispiel: %(names)s", names=named_with_labs(report, owing))
    if owing:
        return owing[0]
    if report.owed_by is OwedBy.RESEARCH:
        raise _only_in(ctx, RESEARCH)
    if ctx.place.kind is PlaceKind.LAB and ctx.place.key:
        raise _only_in(ctx, ctx.place.key)
    raise Denied("Das geht nur im Raum deines Labors oder im Direktchat, und nur für das eigene Labor.")


def check_owed_by_labs(report: Report) -> None:
    """Raise `UserError` if no lab owes the report."""
    if report.owed_by is OwedBy.RESEARCH:
        raise UserError("»%(report)s« ist ein Bericht der Forschung, nicht eines Labors.", report=report.key)


def named_with_labs(report: Report, labs: Collection[str]) -> str:
    """Return what people type to name the report of each of `labs`."""
    return " · ".join(f"{report.key}:{lab}" for lab in labs)


def shown_only_in(ctx: Context, room: str | None) -> Denied:
    """Return the denial that names the rooms where reports are seen; None stands for "your lab's"."""
    own = text("dem Raum deines Labors") if room is None else text("»%(room)s«", room=ctx.rooms.label(room))
    coordination = ctx.rooms.label(COORDINATION)
    return Denied("Das sieht nur, wer in %(own)s oder »%(coordination)s« ist.", own=own, coordination=coordination)


def _only_in(ctx: Context, room: str) -> Denied:
    return Denied("Das darf nur, wer in »%(room)s« ist; bitte schreib es dort.", room=ctx.rooms.label(room))
