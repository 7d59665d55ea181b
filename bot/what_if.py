"""What might be different: "if Bremen hands in on 20 October", "if the second report is due on 30 June". For `netzwart simulate`."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import programme, reports
from bot.domain.dates import NotADate, PartialDate
from bot.errors import UserError

_SUBMIT = re.compile(r"(?P<key>[^:=@]+)(?::(?P<debtor>[^:=@]+))?@(?P<day>\d{4}-\d\d-\d\d)")
_DATE = re.compile(r"(?P<key>[^:=@]+)=(?P<when>[^=@]+)(?:@(?P<day>\d{4}-\d\d-\d\d))?")


@dataclass(frozen=True, slots=True)
class Submitted:
    """Somebody hands a report in at noon of `day`. `debtor`: a lab key, None where only one owes it."""

    key: str
    debtor: str | None
    day: date


@dataclass(frozen=True, slots=True)
class Dated:
    """An event or report gets another date at noon of `day`; None: it had it from the beginning."""

    key: str
    when: PartialDate
    day: date | None


WhatIf = Submitted | Dated


def read_submitted(typed: str) -> Submitted:
    """Read `labor-1:bremen@2020-10-20` or `forschung-1@2020-10-20`. Raises `UserError`."""
    match = _SUBMIT.fullmatch(typed.strip())
    day = _day(match["day"]) if match else None
    if match is None or day is None:
        raise UserError("»%(typed)s« verstehe ich nicht. Richtig wäre zum Beispiel labor-1:bremen@2020-10-20.", typed=typed)
    return Submitted(match["key"], match["debtor"], day)


def read_dated(typed: str) -> Dated:
    """Read `labor-2=2021-06-30` or `workshop-5=2022-02-15/2022-02-16@2021-12-01`; dates are EDTF. Raises `UserError`."""
    match = _DATE.fullmatch(typed.strip())
    day = _day(match["day"]) if match and match["day"] else None
    if match is None or (match["day"] and day is None):
        raise UserError("»%(typed)s« verstehe ich nicht. Richtig wäre zum Beispiel labor-2=2021-06-30.", typed=typed)
    try:
        when = PartialDate.parse(match["when"])
    except NotADate:
        raise UserError(
            "»%(when)s« ist kein Datum in EDTF. Richtig wäre zum Beispiel 2021-06-30 oder 2021-06.", when=match["when"]
        ) from None
    if not when.likely:
        raise UserError("Das Jahr %(year)s ist weit weg. Ist es ein Tippfehler?", year=when.last.year)
    return Dated(match["key"], when, day)


def moment_of(what_if: WhatIf, zone: ZoneInfo) -> datetime | None:
    """Return when it happens, None if it was so from the beginning."""
    return datetime.combine(what_if.day, time(12), zone) if what_if.day else None


async def apply(session: AsyncSession, what_if: WhatIf, now: datetime) -> None:
    """Let it be so. Raises `UserError` if there is no such report, event or debtor."""
    if isinstance(what_if, Submitted):
        await _submit(session, what_if, now)
        return
    event = next((event for event in await programme.every_event(session) if event.key == what_if.key), None)
    report = next((report for report in await reports.every(session) if report.key == what_if.key), None)
    if event is not None:
        await programme.set_when(session, event, what_if.when)
    elif report is not None:
        await reports.set_due(session, report, what_if.when)
    else:
        raise UserError("»%(key)s« ist weder ein Bericht noch ein Termin.", key=what_if.key)


async def _submit(session: AsyncSession, what_if: Submitted, now: datetime) -> None:
    owed = [debt for debt in await reports.debts(session) if debt.report.key == what_if.key]
    meant = [debt for debt in owed if what_if.debtor in (None, debt.debtor)]
    if not owed:
        raise UserError("Einen Bericht »%(key)s« gibt es nicht.", key=what_if.key)
    if not meant:
        raise UserError("Den Bericht %(key)s schuldet »%(debtor)s« nicht.", key=what_if.key, debtor=what_if.debtor)
    if len(meant) > 1:
        raise UserError(
            "Wer gibt %(key)s ab? Richtig wäre zum Beispiel %(key)s:%(debtor)s.", key=what_if.key, debtor=meant[0].debtor
        )
    await reports.submit(session, meant[0], by="–", link=None, now=now)


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None
