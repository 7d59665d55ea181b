"""`netzwart simulate`: what would be sent where, without a homeserver."""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import schedules
from bot.config import Config, RemindersConfig
from bot.db import network as network_rows
from bot.db.engine import Database, connect
from bot.db.schema import check_schema, migrate
from bot.domain.dates import LIKELY_YEARS
from bot.errors import Text, UserError, ntext, text
from bot.network_file import FileMistakes, read_network_file
from bot.network_rooms import NetworkRooms
from bot.registry import find_policies
from bot.rendering import catalogue
from bot.rendering.dates import format_day
from bot.simulation import Simulated
from bot.simulation import simulate as simulate_policies
from bot.what_if import read_dated, read_submitted

Show = Callable[[str], None]
Say = Callable[[Text], None]


async def simulate(
    config: Config | None,
    data: Path | None,
    first: str,
    until: str,
    *,
    show: Show,
    language: str,
    as_json: bool,
    submitted: Sequence[str] = (),
    dated: Sequence[str] = (),
) -> int:
    """Print what the policies would say from day `first` to day `until`. Return the exit status.

    `submitted`, `dated`: what is supposed to happen (`bot.what_if`). With `data`, the network is read from that file into a database in
    memory; else from the configured database.
    """
    speech = catalogue(language)

    def say(message: Text) -> None:
        show(speech.say(message))

    first_day, last_day = _day(first, say), _day(until, say)
    if first_day is None or last_day is None:
        return 2
    if first_day > last_day:
        say(text("--until liegt vor --from."))
        return 2
    database = connect("sqlite+aiosqlite:///:memory:" if data else (config.database.url if config else ""))
    try:
        zone = config.network.zone if config else ZoneInfo("Europe/Berlin")
        if data is None:
            await check_schema(database)
        elif (loaded := await _load(database, data, say)) is None:
            return 2
        else:
            zone = loaded
        settings = config.reminders if config else RemindersConfig()
        start = datetime.combine(first_day, time(0), zone)
        end = datetime.combine(last_day + timedelta(days=1), time(0), zone)
        what_ifs = [*map(read_submitted, submitted), *map(read_dated, dated)]
        found = await simulate_policies(database, find_policies(schedules), settings, zone, start, end, what_ifs)
    except UserError as refusal:
        say(refusal.text)
        return 2
    finally:
        await database.close()
    rooms = NetworkRooms(config.network.rooms() if config else {})
    if as_json:
        _show_json(found, rooms, show)
    else:
        _show_table(found, rooms, show, language)
    return 0


def _day(phrase: str, say: Say) -> date | None:
    try:
        day = date.fromisoformat(phrase)
    except ValueError:
        day = date.min
    if day.year in LIKELY_YEARS:
        return day
    say(text("»%(day)s« ist kein Tag. Richtig wäre zum Beispiel 2020-10-30.", day=phrase))
    return None


async def _load(database: Database, data: Path, say: Say) -> ZoneInfo | None:
    """Read a data file into an empty database. Return the network's zone, None if the file has mistakes (they are said)."""
    try:
        network = read_network_file(data)
    except FileMistakes as mistakes:
        for line in mistakes.told(data.name):
            say(line)
        return None
    await migrate(database)
    async with database.begin() as session:
        await network_rows.replace(session, network)
    return ZoneInfo(network.timezone)


def _show_json(found: list[Simulated], rooms: NetworkRooms, show: Show) -> None:
    for simulated in found:
        reminder = simulated.reminder
        line = {
            "at": simulated.at.isoformat(),
            "policy": reminder.policy,
            "subject": reminder.subject,
            "lab": reminder.lab,
            "room": rooms.configured_or_key(reminder.room),
            "step": reminder.step,
        }
        show(json.dumps(line, ensure_ascii=False))


def _show_table(found: list[Simulated], rooms: NetworkRooms, show: Show, language: str) -> None:
    day: date | None = None
    for simulated in found:
        if simulated.at.date() != day:
            day = simulated.at.date()
            show(format_day(day, language))
        reminder = simulated.reminder
        room = rooms.configured_or_key(reminder.room)
        show(f"  {simulated.at:%H:%M}  {reminder.policy}  {reminder.subject}  {reminder.step:>5}  {room}")
    show(catalogue(language).say(ntext("%(n)s Erinnerung", "%(n)s Erinnerungen", len(found))))
