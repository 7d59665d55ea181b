"""What ought to stand in the rooms, as somebody with a calendar and a good memory would say it.

It knows of days, reports and who said what after what, and nothing of rows, claims, retries or transaction ids.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
DAYS_BEFORE = (30, 14, 7, 2, 0)
HOLIDAYS = "2020-12-25 2021-01-01 2021-04-02 2021-04-05 2021-05-13 2021-05-24"
CLOSED = "2020-12-24 2020-12-31"
DAYS_OFF = {date.fromisoformat(day) for day in f"{HOLIDAYS} {CLOSED}".split()}
"""Public holidays in Bremen that are no Saturday or Sunday, and days on which municipalities are closed."""

WEEK = timedelta(days=7)

State = dict[str, str | None]
"""The reports that somebody has handed in, with their links."""


def steps(due: date) -> list[tuple[datetime, datetime, int]]:
    """Return when each reminder of a deadline comes, when it loses its sense, and how many days before the deadline it is meant for."""
    on: dict[date, int] = {}
    for days in DAYS_BEFORE:
        day = due - timedelta(days=days)
        while day.weekday() > 4 or day in DAYS_OFF:
            day -= timedelta(days=1)
        on[day] = days
    begins = [datetime.combine(day, time(8), ZONE) for day in sorted(on)]
    ends = [*begins[1:], datetime.combine(due + timedelta(days=1), time(0), ZONE)]
    return [(begin, end, on[begin.date()]) for begin, end in zip(begins, ends, strict=True)]


def is_open(moment: datetime) -> bool:
    """Return whether people work at this time."""
    here = moment.astimezone(ZONE)
    return here.weekday() < 5 and here.date() not in DAYS_OFF and time(8) <= here.time() < time(18)


@dataclass
class Model:
    """`due`: report → its day, if it has one; `owed_by`: report → debtors; `now` returns the bot's time."""

    labs: tuple[str, ...]
    due: dict[str, date | None]
    owed_by: dict[str, tuple[str, ...]]
    now: Callable[[], datetime]
    course: defaultdict[str, list[State]] = field(default_factory=lambda: defaultdict(lambda: [{}]))
    """debtor → what was handed in at first, after the first command, after the second …"""
    got_to: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """debtor → how many of these commands have had their effect."""
    written: dict[str, datetime] = field(default_factory=dict[str, datetime])
    """Reminders by their keys, and when the bot decided on them."""
    owed: set[str] = field(default_factory=set[str])
    """Reminders that must still come: they have made sense ever since."""
    lately: set[str] = field(default_factory=set[str])
    """Reminders that made sense at some time since `begin`: they may come."""
    planned: dict[int, datetime] = field(default_factory=dict[int, datetime])
    """The broadcasts that have a time, by their numbers."""
    confirmed: set[int] = field(default_factory=set[int])
    """Those of them that are to go out."""
    seen: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    past: set[str] = field(default_factory=set[str])
    _glimpse: dict[str, State] = field(default_factory=dict[str, State])

    @property
    def debtors(self) -> set[str]:
        """Everybody who owes a report."""
        return {debtor for debtors in self.owed_by.values() for debtor in debtors}

    def says(self, debtor: str, report: str, *, done: bool, link: str | None = None) -> bool:
        """Somebody says that a report is handed in, or takes it back. Return whether that changes what holds when its turn has come."""
        before = self.course[debtor][-1]
        after = {**before, report: link or before.get(report)} if done else {r: at for r, at in before.items() if r != report}
        self.course[debtor].append(after)
        return done or report in before

    def holds(self, debtor: str, state: State) -> bool:
        """This is handed in now. Return whether that can be: every command has had its effect in its turn, once."""
        course = self.course[debtor]
        reached = next((n for n in range(self.got_to[debtor], len(course)) if course[n] == state), None)
        self.got_to[debtor] = self.got_to[debtor] if reached is None else reached
        self.look_around()
        return reached is not None

    def looks(self, policy: str) -> None:
        """The bot looks what is due. What was due more than a day before it first saw a report is past."""
        now = self.now()
        for number in self.confirmed if policy == "broadcast" else ():
            if not self._write(self._notices(number, now)):
                self._write(self._regrets(number, now))
        everything = [(report, debtor) for report, debtors in self.owed_by.items() for debtor in debtors]
        for report, debtor in everything if policy == "report-deadline" and is_open(now) else ():
            if self.due[report] is None or self._done(report, debtor):
                continue
            new = (report, debtor) not in self.seen
            self.seen.add((report, debtor))
            key, begin = self._step(report, debtor, now)
            if key is not None and new and now - begin > timedelta(days=1):
                self.past.add(key)
            self._write({key} if key else set())
        self.look_around()

    def _write(self, keys: set[str]) -> bool:
        """The bot decides on reminders, unless it has before. Return whether there are any."""
        for key in keys - self.past - self.written.keys():
            self.written[key] = self.now()
            self.owed.add(key)
        return bool(keys)

    def is_reminder(self, key: str) -> bool:
        """Whether something is said at its time, and not because somebody has just spoken."""
        kind, number, *_ = key.split(":")
        return kind == "report-deadline" or (kind == "broadcast" and int(number) in self.planned)

    def begin(self) -> None:
        """From now on `lately` counts."""
        self.lately.clear()
        self.look_around()

    def look_around(self, glimpse: dict[str, State] | None = None) -> None:
        """Something may have changed: what has lost its sense is owed no longer. `glimpse`: what was handed in a moment ago."""
        self._glimpse = glimpse or {}
        sensible = {key for key in self.written if self._makes_sense(key)}
        self._glimpse = {}
        self.lately |= sensible
        self.owed &= sensible

    def _makes_sense(self, key: str) -> bool:
        kind, subject, debtor, *_ = key.split(":")
        when = max(self.now(), self.written[key])
        if kind == "broadcast":
            return key in self._notices(int(subject), when) | self._regrets(int(subject), when)
        return self._step(subject, debtor, when)[0] == key

    def _notices(self, number: int, when: datetime) -> set[str]:
        """Return what the labs are to be told at a time: the broadcast, up to a week late."""
        late = when - self.planned[number]
        everybody = {f"broadcast:{number}:lab:{lab}" for lab in self.labs}
        return everybody if number in self.confirmed and timedelta(0) <= late < WEEK else set()

    def _regrets(self, number: int, when: datetime) -> set[str]:
        """Return what coordinators are to be told at a time: for a month, that nobody has got it."""
        late = when - self.planned[number]
        gone_out = any(f"broadcast:{number}:lab:{lab}" in self.written for lab in self.labs)
        return {f"broadcast:{number}:missed"} if WEEK <= late < WEEK + timedelta(days=30) and not gone_out else set()

    def _done(self, report: str, debtor: str) -> bool:
        return report in self._glimpse.get(debtor, self.course[debtor][self.got_to[debtor]])

    def _step(self, report: str, debtor: str, when: datetime) -> tuple[str | None, datetime]:
        """Return the reminder that makes sense at a time, and since when."""
        due = self.due[report]
        for begin, end, days in steps(due) if due and not self._done(report, debtor) else []:
            if begin <= when < end:
                return f"report-deadline:{report}:{debtor}:{due}:{days}", begin
        return None, when
