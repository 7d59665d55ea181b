"""The network as it stands in the database, read and replaced as a whole."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.labs import every as every_lab
from bot.db.programme import event_from_row, every_phase
from bot.db.reports import every as every_report
from bot.db.tables import events, labs, network, phases, report_series, reports, submissions
from bot.domain.labs import Lab
from bot.domain.network import Network, Series
from bot.domain.programme import Event
from bot.domain.reports import OwedBy, Report
from bot.errors import Text, ntext

_THE_ONE = 1  # the id of the only row in `network`


async def load(session: AsyncSession) -> Network | None:
    """Return the network, or None if none was imported yet. Phases come by number, all else in the order of the file."""
    about = (await session.execute(sa.select(network))).one_or_none()
    if about is None:
        return None
    return Network(
        about.name,
        about.timezone,
        about.language,
        labs=tuple(await every_lab(session)),
        events=tuple(map(event_from_row, await session.execute(sa.select(events).order_by(events.c.position)))),
        phases=tuple(await every_phase(session)),
        series=await _series(session),
        topics=tuple(about.topics),
        reflection=tuple(about.reflection),
    )


async def _series(session: AsyncSession) -> tuple[Series, ...]:
    by_series: dict[str, list[Report]] = defaultdict(list)
    for report in await every_report(session):
        by_series[report.series].append(report)
    rows = await session.execute(sa.select(report_series).order_by(report_series.c.position))
    return tuple(Series(row.key, row.title, OwedBy(row.owed_by), tuple(by_series[row.key])) for row in rows)


async def hold(session: AsyncSession) -> None:
    """Let nobody else change the network or hand in reports until this transaction ends; reading stays possible.

    On SQLite every transaction of ours is alone already.
    """
    if session.get_bind().dialect.name == "postgresql":
        names = ", ".join(table.name for table in (network, labs, events, phases, report_series, reports, submissions))
        await session.execute(sa.text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


async def blocked_removals(session: AsyncSession, new: Network) -> list[Text]:
    """Return a sentence for each lab and report that `new` drops although something was handed in; nobody's work is deleted."""
    counted = sa.func.count().label("n")
    by_lab = (
        sa.select(labs.c.key, labs.c.name, counted)
        .join(submissions, submissions.c.debtor == labs.c.key)
        .group_by(labs.c.key)
        .order_by(labs.c.position)
    )
    by_report = (
        sa.select(reports.c.key, reports.c.title, counted)
        .join(submissions, submissions.c.report == reports.c.key)
        .group_by(reports.c.key)
        .order_by(reports.c.position, reports.c.key)
    )
    kept_labs = {lab.key for lab in new.labs}
    kept_reports = {report.key for series in new.series for report in series.reports}
    return [
        *(_lab_kept(*row) for row in await session.execute(by_lab) if row.key not in kept_labs),
        *(_report_kept(*row) for row in await session.execute(by_report) if row.key not in kept_reports),
    ]


def _lab_kept(key: str, name: str, n: int) -> Text:
    return ntext(
        "Das Labor »%(name)s« (%(key)s) fehlt in der Datei, hat aber schon einen Bericht abgegeben; es muss bleiben.",
        "Das Labor »%(name)s« (%(key)s) fehlt in der Datei, hat aber schon %(n)s Berichte abgegeben; es muss bleiben.",
        n,
        name=name,
        key=key,
    )


def _report_kept(key: str, title: str, n: int) -> Text:
    return ntext(
        "Der Bericht »%(title)s« (%(key)s) fehlt in der Datei, wurde aber schon einmal abgegeben; er muss bleiben.",
        "Der Bericht »%(title)s« (%(key)s) fehlt in der Datei, wurde aber schon %(n)s-mal abgegeben; er muss bleiben.",
        n,
        title=title,
        key=key,
    )


async def replace(session: AsyncSession, new: Network) -> None:
    """Make the tables say what `new` says. Submissions stay, and so does whether an event is cancelled.

    Raises SQLAlchemy's `IntegrityError` if a report is dropped that something was handed in for; `blocked_removals` says so before.
    """
    about = {"id": _THE_ONE, "name": new.name, "timezone": new.timezone, "language": new.language}
    await _upsert(session, network, [{**about, "topics": list(new.topics), "reflection": list(new.reflection)}])
    await session.execute(sa.delete(phases))
    await _follow(session, labs, [_lab_row(*numbered) for numbered in enumerate(new.labs)])
    await _follow(session, events, [_event_row(*numbered) for numbered in enumerate(new.events)], keep={"cancelled"})
    phase_rows = [{"number": phase.number, "after": phase.after, "before": phase.before} for phase in new.phases]
    await _upsert(session, phases, phase_rows)
    series_rows = [
        {"key": series.key, "position": position, "title": series.title, "owed_by": series.owed_by.value}
        for position, series in enumerate(new.series)
    ]
    await _upsert(session, report_series, series_rows)
    await _follow(session, reports, [_report_row(*numbered) for series in new.series for numbered in enumerate(series.reports)])
    await _delete_others(session, report_series, [row["key"] for row in series_rows])


def _lab_row(position: int, lab: Lab) -> dict[str, object]:
    return {
        "key": lab.key,
        "position": position,
        "name": lab.name,
        "state": lab.state,
        "municipalities": list(lab.municipalities),
        "partners": [{"name": partner.name, "kind": partner.kind} for partner in lab.partners],
        "topics": list(lab.topics),
    }


def _event_row(position: int, event: Event) -> dict[str, object]:
    return {
        "key": event.key,
        "position": position,
        "kind": event.kind,
        "title": event.title,
        "when": event.when.edtf,
        "number": event.number,
        "place": event.place,
        "online": event.online,
        "cancelled": event.cancelled,
        "register_by": event.register_by,
    }


def _report_row(position: int, report: Report) -> dict[str, object]:
    return {
        "key": report.key,
        "series": report.series,
        "position": position,
        "title": report.title,
        "due": report.due.edtf,
    }


async def _follow(session: AsyncSession, table: sa.Table, rows: Sequence[Mapping[str, object]], keep: Collection[str] = ()) -> None:
    """Make `table` hold exactly `rows`, by `key`; the columns in `keep` stay as they are in rows that are there."""
    await _upsert(session, table, rows, keep)
    await _delete_others(session, table, [row["key"] for row in rows])


async def _upsert(session: AsyncSession, table: sa.Table, rows: Sequence[Mapping[str, object]], keep: Collection[str] = ()) -> None:
    if not rows:
        return
    insert = postgresql.insert(table) if session.get_bind().dialect.name == "postgresql" else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    follow = {name: insert.excluded[name] for name in rows[0] if name not in keys and name not in keep}
    await session.execute(insert.on_conflict_do_update(index_elements=keys, set_=follow), rows)


async def _delete_others(session: AsyncSession, table: sa.Table, keys: Iterable[object]) -> None:
    kept = set(keys)
    gone = [key for key in await session.scalars(sa.select(table.c.key)) if key not in kept]
    if gone:
        await session.execute(sa.delete(table).where(table.c.key == sa.bindparam("gone")), [{"gone": key} for key in gone])
