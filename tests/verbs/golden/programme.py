"""The programme of the example network as a text to be read by people: one line for each message and moment, and the rooms that get it."""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import schedules
from bot.registry import find_policies
from bot.verbs.simulate import simulate

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent.parent / "examples" / "regogl.toml"
FIRST, UNTIL = date(2020, 1, 1), date(2022, 12, 31)


def network(data: Path) -> dict[str, Any]:
    """Return a data file as TOML has it."""
    return tomllib.loads(data.read_text("utf-8"))


LABS: tuple[str, ...] = tuple(lab["key"] for lab in network(EXAMPLE)["labs"])


def _labs_but(*keys: str) -> list[str]:
    return [lab for lab in LABS if lab not in keys]


@dataclass(frozen=True, slots=True)
class Course:
    """How the three years may go. `told`: the same in words. `registration`: what the data file says about it, beside the example's."""

    file: Path
    told: str
    registration: str | None = None
    submitted: Sequence[str] = ()
    dated: Sequence[str] = ()


SILENT = Course(
    HERE / "regogl-2020-2022.txt",
    "The example network, 2020 to 2022, as its data file has it: nobody hands in anything, and no date is ever fixed.",
)

_KEY = (
    "",
    "One line for each message, with the rooms that get it word for word; commas join what is one message. P14D is 14 days before,",
    "-P3D 3 days after. `python -m tests.verbs.golden` writes this file anew; docs/adr/0015 says why each line is as it is.",
    "",
)

KEPT = Course(
    HERE / "regogl-2020-2022-kept.txt",
    """The same programme in hands that keep it: dates are fixed when coordination is asked, most reports come, some of them late.
What is fixed: forschung-2 18 December 2020 · labor-2 17 June 2021 · workshop-5 15 and 16 February 2022 · labor-projekt 30 November 2022
workshop-6 20 and 21 September 2022 · abschluss 1 December 2022, with registration until 22 November.
Handed in: labor-1 by eleven labs on 26 October, by partheland on 5 November, by wuerzburg on 12 November 2020
labor-2 by eleven on 14 June, by bergstrasse on 22 June, by bremen on 17 June 2021 · labor-projekt by nobody
forschung-1 to -6 and forschung-zwischen in time, the two last ones of research never.""",
    registration='when = "2022-12"\nregister_by = "2022-11-22"',
    dated=[
        "forschung-2=2020-12-18@2020-10-05",
        "labor-2=2021-06-17@2021-03-01",
        "workshop-5=2022-02-15/2022-02-16@2021-12-06",
        "labor-projekt=2022-11-30@2022-05-02",
        "workshop-6=2022-09-20/2022-09-21@2022-07-04",
        "abschluss=2022-12-01@2022-10-04",
    ],
    submitted=[
        *(f"labor-1:{lab}@2020-10-26" for lab in _labs_but("partheland", "wuerzburg")),
        "labor-1:partheland@2020-11-05",
        "labor-1:wuerzburg@2020-11-12",
        *(f"labor-2:{lab}@2021-06-14" for lab in _labs_but("bergstrasse", "bremen")),
        "labor-2:bergstrasse@2021-06-22",
        "labor-2:bremen@2021-06-17",
        "forschung-1@2020-10-29",
        "forschung-2@2020-12-17",
        "forschung-3@2021-04-28",
        "forschung-zwischen@2021-06-29",
        "forschung-4@2021-07-30",
        "forschung-5@2022-04-29",
        "forschung-6@2022-10-28",
    ],
)


@dataclass(frozen=True, slots=True)
class Said:
    """A reminder, as `netzwart simulate --json` has it."""

    at: datetime
    policy: str
    subject: str
    lab: str | None
    room: str
    step: str


@dataclass(frozen=True, slots=True)
class Line:
    """What is said at a moment, word for word the same in all these rooms. A lab's room is called by the lab's key."""

    at: datetime
    policy: str
    said: str
    rooms: tuple[str, ...]


async def written(course: Course) -> str:
    """Return the text."""
    with NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as data:
        data.write(EXAMPLE.read_text("utf-8").replace('when = "2022-12"', course.registration or 'when = "2022-12"'))
        data.flush()
        found = lines(await run(Path(data.name), submitted=course.submitted, dated=course.dated))
    parts = [f"# {line}".rstrip() for line in (*course.told.splitlines(), *_KEY, *_dates())]
    month = ""
    for line in found:
        if month != (month := f"{line.at:%Y-%m}"):
            parts.append("")
        at = line.at.isoformat(sep=" ", timespec="minutes")
        parts.append(f"{line.at:%a} {at}  {line.policy:<20}  {line.said:<38}  → {_named(line.rooms)}")
    parts += ["", "# Messages in each room:", *_tally(found)]
    return "\n".join(parts) + "\n"


def _dates() -> Iterator[str]:
    """Yield the dates of the data file, so that whoever reviews has them before their eyes."""
    data = network(EXAMPLE)
    yield "Events: " + " · ".join(f"{event['key']} {event['when']}" for event in data["events"])
    for series in data["report_series"]:
        yield f"Owed by {series['owed_by']}: " + " · ".join(f"{report['key']} {report['due']}" for report in series["reports"])


async def run(data: Path = EXAMPLE, *, submitted: Sequence[str] = (), dated: Sequence[str] = ()) -> list[Said]:
    """Return what is said in the three years, if this is supposed."""
    printed: list[str] = []
    status = await simulate(
        None,
        data,
        FIRST.isoformat(),
        UNTIL.isoformat(),
        show=printed.append,
        language="de",
        as_json=True,
        submitted=submitted,
        dated=dated,
    )
    assert status == 0, printed
    return [_said(json.loads(line)) for line in printed]


def _said(found: dict[str, Any]) -> Said:
    at = datetime.fromisoformat(found["at"])
    return Said(at, found["policy"], found["subject"], found["lab"], found["room"], found["step"])


def lines(reminders: Iterable[Said]) -> list[Line]:
    """Return what is said, in the order of time; what is one message in a room is one line for all rooms that get the same."""
    merging = {policy.name for policy in find_policies(schedules) if policy.merges}
    found: dict[tuple[datetime, str, str], list[str]] = {}
    for (at, policy, room), items in groupby(sorted(reminders, key=_message), key=_message):
        together = list(items)
        for message in [together] if policy in merging else [[each] for each in together]:
            found.setdefault((at, policy, _words(message)), []).append(room)
    return [Line(at, policy, said, tuple(rooms)) for (at, policy, said), rooms in found.items()]


def _message(reminder: Said) -> tuple[datetime, str, str]:
    return reminder.at, reminder.policy, reminder.lab if reminder.room.startswith("lab:") and reminder.lab else reminder.room


def _words(message: Iterable[Said]) -> str:
    """Return what a message says: each subject with its step; what coordination is told about labs, with the labs."""
    about: dict[str, list[str]] = {}
    for each in message:
        labs = about.setdefault(f"{each.subject} {each.step}", [])
        if each.lab and each.room == "coordination":
            labs.append(each.lab)
    return ", ".join(said + (f" ({_named(labs)})" if labs else "") for said, labs in about.items())


def _named(labs: Sequence[str]) -> str:
    """Return these labs (or other rooms) in words: all, or who is left out, or who they are."""
    missing = [lab for lab in LABS if lab not in labs]
    if len(missing) < len(labs):
        return f"{len(labs)} labs" + (f", not {', '.join(missing)}" if missing else "")
    return ", ".join(labs)


def _tally(found: Iterable[Line]) -> Iterator[str]:
    counts = Counter((room, line.at.year) for line in found for room in line.rooms)
    years = sorted({year for _, year in counts})
    yield "# " + " " * 22 + "".join(f"{year:>6}" for year in years)
    for room in ("coordination", "network", "research", *LABS):
        yield f"# {room:<22}" + "".join(f"{counts[room, year]:>6}" for year in years)
