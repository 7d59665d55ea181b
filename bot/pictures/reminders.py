"""The reminders of a period on a time line: where everything stands in the picture. Pure; `timeline.svg.j2` says what it looks like.

From top to bottom: heading, years and months and days, the phases as bars, events, days on which reports are due, a lane for each kind of
reminder, what has no date yet, the key. Events and reports share rows where there is room. In a lane, days that lie too close to each
other are one mark, which says on how many days how many rooms hear of it; below it, each day has its tick. So nothing overlaps, however
much is said.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from babel.dates import format_date

from bot.domain.dates import PartialDate, Precision
from bot.pictures.fonts import ASCENT, DESCENT, Face
from bot.pictures.shapes import LINE, MARGIN, MARK, Box, Drawing, Look, Mark, Page, Stage, clean, in_lanes

WIDTH = 1600
LEFT, RIGHT = float(MARGIN), float(WIDTH - MARGIN)

_HEADING, _ASIDE, _LINE_FACE = Face(40, bold=True), Face(26), Face(22)
_YEAR, _MONTH, _DAY = Face(28, bold=True), Face(22), Face(18)
_DATED, _LANE, _DETAILS, _COUNT, _KEY = Face(20), Face(22, bold=True), Face(20), Face(18, bold=True), Face(24)

_GAP = 10  # between a mark and its words
_APART = 22  # between what shares a row
_ROW = MARK + 8
_MOST_ROWS = 14
_LEAST_WORDS = 200  # beside a mark; else they stand below it
_LONGEST_WORDS = 800
_PILL, _PILL_PAD = 28, 8
_LEAST_TICK, _MOST_TICK = 7, 22
_COLOURS = 6  # of lanes

_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400)  # months from one label to the next
_YEAR_MONTHS = 12
_WEEK = 7
_SATURDAY = 5
_DAY_STEPS = {1: 30, _WEEK: 36}  # days from one label to the next, and the room that it needs
_LEAST_WEEKEND = 8  # pixels a day, for Saturdays and Sundays to be seen
_BANDS_OF_MONTHS = 18  # up to so many months, bands are months; else years


@dataclass(frozen=True, slots=True)
class Dated:
    """An event, or a report. `name`: how it is called, with its date; `kind`: that of the event, or `report`."""

    name: str
    when: PartialDate
    kind: str
    look: Look = Look.COMING


@dataclass(frozen=True, slots=True)
class Lane:
    """A kind of reminder. `details` in words; `days`: in how many rooms it is said, by days in the order of time; `messages` in all.

    Lanes of one name have one colour.
    """

    name: str
    details: str
    days: tuple[tuple[date, int], ...]
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Words:
    """What the picture says beside that. `supposed`: what was supposed; `one`, `many`: what the two kinds of marks in a lane mean.

    `kinds`: what each kind of event (and `report`) is called; `more`: that some have no room, without how many.
    """

    heading: str
    period: str
    summary: str
    supposed: tuple[str, ...]
    open: str
    vague: str
    one: str
    many: str
    more: str
    kinds: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Chart:
    """What is to be drawn, from day `first` to day `last`. `language` is that of the months."""

    first: date
    last: date
    events: tuple[Dated, ...]
    reports: tuple[Dated, ...]
    stages: tuple[Stage, ...]
    lanes: tuple[Lane, ...]
    words: Words
    language: str


def layout(chart: Chart) -> Drawing:
    """Return where everything stands."""
    page = _Page(WIDTH)
    page.heading(chart.words)
    scale = _Scale(chart.first, chart.last)
    top = page.y
    bands = page.axis(scale, chart.language)
    for lane in in_lanes(scale.clipped(chart.stages)):
        page.stages(lane, scale.span)
    page.y += 12
    shown = [page.rows(scale, group, chart.words) for group in (chart.events, chart.reports)]
    names, most = list(dict.fromkeys(lane.name for lane in chart.lanes)), _most_rooms(chart)
    for lane in chart.lanes:
        page.lane(scale, lane, f"lane{names.index(lane.name) % _COLOURS}", most)
    page.y += 6
    page.bands = [Box(b.left, top, b.right, page.y, b.role) for b in bands]
    page.y += 18
    page.undated([d for d in chart.events + chart.reports if d.when.precision is Precision.OPEN], chart.words)
    page.meanings(chart, [dated for group in shown for dated in group])
    return page.drawing()


@dataclass(frozen=True, slots=True)
class _Scale:
    """The line: from the beginning of day `first` to the end of day `last`."""

    first: date
    last: date

    @property
    def day(self) -> float:
        """How wide a day is."""
        return (RIGHT - LEFT) / ((self.last - self.first).days + 1)

    def x(self, ordinal: int) -> float:
        """Return where a day begins; one outside is at the end of the line."""
        x = LEFT + (ordinal - self.first.toordinal()) * self.day
        return round(min(max(x, LEFT), RIGHT), 1)

    def span(self, first: date, last: date) -> tuple[float, float]:
        """Return where these days begin and end, as far as they are on the line."""
        return self.x(first.toordinal()), self.x(last.toordinal() + 1)

    def middle(self, day: date) -> float:
        """Return where the middle of a day is."""
        left, right = self.span(day, day)
        return (left + right) / 2

    def holds(self, when: PartialDate) -> bool:
        """Whether it has a place on the line."""
        return when.precision is not Precision.OPEN and when.first <= self.last and self.first <= when.last

    def clipped(self, stages: Iterable[Stage]) -> Iterator[Stage]:
        """Yield what of the phases is on the line."""
        for s in stages:
            if s.first <= self.last and self.first <= s.last:
                yield Stage(s.name, s.short, max(s.first, self.first), min(s.last, self.last), s.look)

    def months(self, step: int) -> list[tuple[int, float, float]]:
        """Return each `step` months (counted from the year 0) that begin before the end, and where they begin and end on the line."""
        begin, end = _month_of(self.first), _month_of(self.last) + 1
        starts = [*range(begin - begin % step, end, step)]
        xs = [*(self.x(_ordinal(month)) for month in starts), RIGHT]
        return [(month, left, right) for month, (left, right) in zip(starts, pairwise(xs), strict=True)]


def _month_of(day: date) -> int:
    return day.year * _YEAR_MONTHS + day.month - 1


def _ordinal(month: int) -> int:
    year, rest = divmod(month, _YEAR_MONTHS)
    return date(max(year, 1), rest + 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class _Placed:
    """An event or report on the line: its mark, its words and where they begin. `deep`: they stand below the mark."""

    dated: Dated
    shape: str
    mark: tuple[float, float]
    words: str
    x: float
    deep: bool

    @property
    def extent(self) -> tuple[float, float]:
        """From where to where it goes."""
        end = self.x + _DATED.width(self.words)
        return min(self.mark[0], self.x), max(self.mark[1], end)


def _placed(scale: _Scale, dated: Dated) -> _Placed:
    """Place the words right of the mark if there is room, else left of it, else where there is most of it, else below it."""
    left, right = scale.span(dated.when.first, dated.when.last)
    shape = ("bar" if right - left > 2 * MARK else dated.kind) if dated.when.exact else "vague"
    if shape not in ("bar", "vague"):
        middle = min(max((left + right) / 2, LEFT + MARK / 2), RIGHT - MARK / 2)
        left, right = middle - MARK / 2, middle + MARK / 2
    left, right = min(left, RIGHT - 4), max(right, min(left, RIGHT - 4) + 4)
    words = _DATED.shorten(clean(dated.name) or "–", _LONGEST_WORDS)
    width = _DATED.width(words)
    after, before = RIGHT - right - _GAP, left - _GAP - LEFT
    if max(after, before) < min(width, _LEAST_WORDS):
        words = _DATED.shorten(words, RIGHT - LEFT)
        return _Placed(dated, shape, (left, right), words, max(LEFT, min(left, RIGHT - width)), deep=True)
    if width <= after or (width > before and after >= before):
        return _Placed(dated, shape, (left, right), _DATED.shorten(words, after), right + _GAP, deep=False)
    words = _DATED.shorten(words, before)
    return _Placed(dated, shape, (left, right), words, left - _GAP - _DATED.width(words), deep=False)


def _in_rows(placed: Iterable[_Placed]) -> list[list[_Placed]]:
    """Return them in as few rows as it takes for nothing to lie over anything else."""
    rows: list[list[_Placed]] = []
    for each in placed:
        free = next((row for row in rows if not each.deep and not any(_close(each, other) for other in row)), None)
        if free is None:
            rows.append([each])
        else:
            free.append(each)
    return rows


def _close(one: _Placed, other: _Placed) -> bool:
    (a, b), (c, d) = one.extent, other.extent
    return other.deep or (a < d + _APART and c < b + _APART)


@dataclass(frozen=True, slots=True)
class _Pill:
    """A mark in a lane: the days that it stands for, and from where to where it goes."""

    days: tuple[tuple[date, int], ...]
    left: float
    right: float

    @property
    def text(self) -> str:
        """On how many days (if more than one) it is said in how many rooms."""
        return _counted(len(self.days), [rooms for _, rooms in self.days])


def _counted(days: int, rooms: Sequence[int]) -> str:
    each = str(rooms[0]) if len(set(rooms)) == 1 else f"{min(rooms)}–{max(rooms)}"
    return each if days == 1 else f"{days} × {each}"


def _pill(scale: _Scale, days: tuple[tuple[date, int], ...]) -> _Pill:
    """Return the mark for these days: from the first to the last, and wide enough for its words."""
    left, right = scale.middle(days[0][0]) - _PILL / 2, scale.middle(days[-1][0]) + _PILL / 2
    missing = _COUNT.width(_counted(len(days), [rooms for _, rooms in days])) + 2 * _PILL_PAD - (right - left)
    if missing > 0:
        left, right = left - missing / 2, right + missing / 2
    shift = max(LEFT - left, 0) - max(right - RIGHT, 0)
    return _Pill(days, round(max(left + shift, LEFT), 1), round(min(right + shift, RIGHT), 1))


def _pills(scale: _Scale, lane: Lane) -> list[_Pill]:
    """Return the marks of a lane; days whose marks would touch are one."""
    pills: list[_Pill] = []
    for day in lane.days:
        pill = _pill(scale, (day,))
        while pills and pill.left < pills[-1].right + 2:
            pill = _pill(scale, pills.pop().days + pill.days)
        pills.append(pill)
    return pills


def _most_rooms(chart: Chart) -> int:
    return max((rooms for lane in chart.lanes for _, rooms in lane.days), default=1)


def _ticks(scale: _Scale, lane: Lane, top: float, most: int, role: str) -> Iterator[Box]:
    """Yield a tick for each day, the higher the more rooms hear of it; days on one pixel are one tick."""
    rooms: dict[int, int] = {}
    for day, count in lane.days:
        x = round(scale.middle(day))
        rooms[x] = max(rooms.get(x, 0), count)
    for x, count in rooms.items():
        yield Box(
            x - 1, top, x + 1, round(top + _LEAST_TICK + (_MOST_TICK - _LEAST_TICK) * (count - 1) / max(most - 1, 1), 1), role
        )


class _Page(Page):
    """The page of a period's reminders."""

    def heading(self, words: Words) -> None:
        """Write the heading, the period, how much is said, and what was supposed."""
        period = _ASIDE.shorten(clean(words.period), RIGHT - LEFT - 500)
        heading = _HEADING.shorten(clean(words.heading), RIGHT - LEFT - _ASIDE.width(period) - 40)
        self.write(heading, LEFT, _HEADING, "heading", top=self.y)
        self.write(period, RIGHT, _ASIDE, "aside", top=self.y + ASCENT * (_HEADING.size - _ASIDE.size), ends=True)
        self.y += _HEADING.size * LINE + 4
        for text in (words.summary, *words.supposed):
            self.line(text, _LINE_FACE, "aside")
        self.y += 14

    def axis(self, scale: _Scale, language: str) -> list[Box]:
        """Write years, months and days as far as there is room. Return the bands behind all, without their heights."""
        self._years(scale)
        months = [format_date(date(2000, month, 1), "LLL", locale=language) for month in range(1, _YEAR_MONTHS + 1)]
        needed = max(_MONTH.width(name) for name in months) + 16
        step = next((step for step in _STEPS if scale.day * 30 * step >= needed), _YEAR_MONTHS)
        if step < _YEAR_MONTHS:
            for month, left, right in scale.months(step):
                name = months[month % _YEAR_MONTHS]
                if left + 8 + _MONTH.width(name) <= right:
                    self.write(name, left + 8, _MONTH, "month", top=self.y)
            self.y += _MONTH.size * LINE + 2
        self._days(scale)
        self.y += 6
        unit = 1 if len(scale.months(1)) <= _BANDS_OF_MONTHS else max(step, _YEAR_MONTHS)
        bands = [Box(left, 0, right, 0, f"year{n % 2}") for n, (_, left, right) in enumerate(scale.months(unit))]
        return bands + list(_weekends(scale))

    def _years(self, scale: _Scale) -> None:
        needed = _YEAR.width("2000") + 20
        step = next((s for s in _STEPS if s >= _YEAR_MONTHS and scale.day * 30 * s >= needed), _STEPS[-1])
        for month, left, right in scale.months(step):
            name = str(max(month, _month_of(scale.first)) // _YEAR_MONTHS)
            if left + 8 + _YEAR.width(name) <= right:
                self.write(name, left + 8, _YEAR, "year", top=self.y + 6)
        self.y += _YEAR.size * LINE + 10

    def _days(self, scale: _Scale) -> None:
        """Write the days of the month: each, or Mondays, or none."""
        step = next((step for step, needed in _DAY_STEPS.items() if scale.day * step >= needed), 0)
        if not step:
            return
        for ordinal in range(scale.first.toordinal(), scale.last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            if step == _WEEK and day.weekday():
                continue
            left = scale.middle(day) - _DAY.width(str(day.day)) / 2
            if left >= LEFT and left + _DAY.width(str(day.day)) <= RIGHT:
                self.write(str(day.day), left, _DAY, "month", top=self.y)
        self.y += _DAY.size * LINE + 2

    def rows(self, scale: _Scale, group: Iterable[Dated], words: Words) -> list[Dated]:
        """Draw events or reports, several in a row; say how many have no room. Return which were drawn."""
        placed = [_placed(scale, dated) for dated in group if scale.holds(dated.when)]
        rows = _in_rows(placed)
        for row in rows[:_MOST_ROWS]:
            for each in row:
                self._dated(each)
            self.y += _ROW + (_DATED.size * LINE if row[0].deep else 0)
        shown = [each.dated for row in rows[:_MOST_ROWS] for each in row]
        if len(shown) < len(placed):
            self.line(f"{words.more}: {len(placed) - len(shown)}", _DETAILS, "aside")
        self.y += 8 if placed else 0
        return shown

    def _dated(self, each: _Placed) -> None:
        self.marks.append(Mark(each.shape, each.dated.look, Box(each.mark[0], self.y, each.mark[1], self.y + MARK)))
        middle = (MARK - _DATED.size * (ASCENT + DESCENT)) / 2
        top = self.y + (MARK + 1 if each.deep else middle)
        self.write(each.words, each.x, _DATED, f"details-{each.dated.look}", top=top)

    def lane(self, scale: _Scale, lane: Lane, role: str, most: int) -> None:
        """Draw a kind of reminder: its name, its marks, and a tick for each day. `most`: how many rooms the highest tick stands for."""
        self.y += 8
        name = _LANE.shorten(clean(lane.name) or "–", (RIGHT - LEFT) * 2 / 3)
        after = LEFT + _LANE.width(name) + 16
        self.write(name, LEFT, _LANE, f"name-{role}", top=self.y)
        details = _DETAILS.shorten(clean(lane.details), RIGHT - after)
        self.write(details, after, _DETAILS, "aside", top=self.y + ASCENT * (_LANE.size - _DETAILS.size))
        self.y += _LANE.size * LINE + 4
        for pill in _pills(scale, lane):
            self._pill(pill, self.y, role)
        self.y += _PILL + 3
        ticks = list(_ticks(scale, lane, self.y, most, f"tick-{role}"))
        self.lines.extend(ticks)
        self.y = max((tick.bottom for tick in ticks), default=self.y) + 8

    def _pill(self, pill: _Pill, top: float, role: str) -> None:
        self.bars.append(Box(pill.left, top, pill.right, top + _PILL, role))
        x = (pill.left + pill.right - _COUNT.width(pill.text)) / 2
        self.write(pill.text, x, _COUNT, role, top=top + (_PILL - _COUNT.size * (ASCENT + DESCENT)) / 2)

    def undated(self, group: Sequence[Dated], words: Words) -> None:
        """List what has no place on the line."""
        if group:
            self.line(f"{words.open}: {' · '.join(clean(dated.name) for dated in group)}", _DETAILS, "aside")
            self.y += 8

    def meanings(self, chart: Chart, shown: Sequence[Dated]) -> None:
        """Say what the marks mean that were drawn."""
        kinds = [(kind, name) for kind, name in chart.words.kinds.items() if any(d.kind == kind and d.when.exact for d in shown)]
        self.key(kinds + ([("vague", chart.words.vague)] if any(not d.when.exact for d in shown) else []))
        if not chart.lanes:
            return
        for days, text in (((13,), chart.words.one), ((13,) * 8, chart.words.many)):
            width = max(_PILL, _COUNT.width(_counted(len(days), days)) + 2 * _PILL_PAD)
            sample = _Pill(tuple((chart.first, rooms) for rooms in days), LEFT, LEFT + width)
            self._pill(sample, self.y, "sample")
            self.write(_KEY.shorten(clean(text), RIGHT - LEFT - width - 12), sample.right + 12, _KEY, "key", top=self.y)
            self.y += _KEY.size * LINE + 10


def _weekends(scale: _Scale) -> Iterator[Box]:
    """Yield bands for Saturdays and Sundays, if days are wide enough: on them nothing is said."""
    if scale.day < _LEAST_WEEKEND:
        return
    for ordinal in range(scale.first.toordinal(), scale.last.toordinal() + 1):
        if date.fromordinal(ordinal).weekday() >= _SATURDAY:
            yield Box(scale.x(ordinal), 0, scale.x(ordinal + 1), 0, "weekend")
