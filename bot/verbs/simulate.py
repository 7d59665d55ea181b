"""`netzwart simulate`: what would be sent where, without a homeserver."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
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
from bot.reminder_policy import ReminderPolicy
from bot.rendering import catalogue
from bot.rendering.dates import format_day
from bot.simulation import Course, Simulated
from bot.simulation import simulate as simulate_policies
from bot.verbs.simulated_picture import chart_of, check_ending, write_picture
from bot.what_if import WhatIf, read_dated, read_submitted

Show = Callable[[str], None]
Say = Callable[[Text], None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be simulated: from day `first` to day `last`, if `what_ifs` come true."""

    first: date
    last: date
    what_ifs: Sequence[WhatIf]


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
    picture: Path | None = None,
) -> int:
    """Print what the policies would say from day `first` to day `until`. Return the exit status.

    `submitted`, `dated`: what is supposed to happen (`bot.what_if`). `picture`: a file into which it is drawn before it is printed. With
    `data`, the network is read from that file into a database in memory; else from the configured database.
    """
    speech, policies = catalogue(language), find_policies(schedules)

    def say(message: Text) -> None:
        show(speech.say(message))

    try:
        asked = _read(first, until, submitted, dated)
        if picture:
            check_ending(picture)
        course = await _play(config, data, asked, policies, say)
        if course is None:
            return 2
        if picture:
            await write_picture(picture, chart_of(course, policies, asked.first, asked.last, [*submitted, *dated], speech))
    except UserError as refusal:
        say(refusal.text)
        return 2
    rooms = NetworkRooms(config.network.rooms() if config else {})
    if as_json:
        _show_json(course.said, rooms, show)
        return 0
    _show_table(course.said, rooms, show, language)
    if picture:
        say(text("Gezeichnet in %(file)s", file=str(picture)))
    return 0


def _read(first: str, until: str, submitted: Sequence[str], dated: Sequence[str]) -> _Asked:
    """Read what was typed. Raises `UserError`."""
    first_day, last_day = _day(first), _day(until)
    if first_day > last_day:
        raise UserError("--until liegt vor --from.")
    return _Asked(first_day, last_day, [*map(read_submitted, submitted), *map(read_dated, dated)])


def _day(phrase: str) -> date:
    try:
        day = date.fromisoformat(phrase)
    except ValueError:
        day = date.min
    if day.year not in LIKELY_YEARS:
        raise UserError("»%(day)s« ist kein Tag. Richtig wäre zum Beispiel 2020-10-30.", day=phrase)
    return day


async def _play(
    config: Config | None, data: Path | None, asked: _Asked, policies: Sequence[ReminderPolicy[Any]], say: Say
) -> Course | None:
    """Run the simulation. Return None if the data file has mistakes (they are said)."""
    database = connect("sqlite+aiosqlite:///:memory:" if data else (config.database.url if config else ""))
    try:
        zone = config.network.zone if config else ZoneInfo("Europe/Berlin")
        if data is None:
            await check_schema(database)
        elif (loaded := await _load(database, data, say)) is None:
            return None
        else:
            zone = loaded
        settings = config.reminders if config else RemindersConfig()
        start = datetime.combine(asked.first, time(0), zone)
        end = datetime.combine(asked.last + timedelta(days=1), time(0), zone)
        return await simulate_policies(database, policies, settings, zone, start, end, asked.what_ifs)
    finally:
        await database.close()


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
