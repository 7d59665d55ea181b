"""The programme on a time line: where everything stands in the picture. Pure; `timeline.svg.j2` says what it looks like.

From top to bottom: heading, years and months, today, the phases as bars, a row for each event, what has no date yet, the key. An event
has its row to itself, and its words stand beside its mark where there is room: so nothing overlaps, whatever the programme is.
All lengths are pixels, from the upper left corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from babel.dates import format_date

from bot.domain.dates import PartialDate, Precision
from bot.pictures.fonts import ASCENT, Face
from bot.pictures.shapes import LINE, MARGIN, MARK, Box, Drawing, Look, Mark, Page, Stage, clean, in_lanes

WIDTH = 1200
LEFT, RIGHT = MARGIN, WIDTH - MARGIN

_HEADING, _ASIDE = Face(44, bold=True), Face(28)
_YEAR, _MONTH = Face(30, bold=True), Face(24)
_TITLE, _TITLE_PAST, _DETAILS = Face(32, bold=True), Face(32), Face(27)
_TODAY, _KEY = Face(24, bold=True), Face(24)
_GAP = 20  # between a mark and its words
_EDGE = 10  # between words and the end of the line
_PAD = 11  # above and below the words of a row
_ENOUGH = 440  # beside a mark, to break its words into lines there
_MOST_LINES = 3

_SHORTEST_PIECE = 16  # of today's line

_SHORTEST = 12  # months on the line
_REACH = 200  # days by which the line is made longer to show today
_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000)  # months from one label to the next
_YEAR_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """An event. `details`: date, place and so on, as people read them. `kind`: that of the event."""

    title: str
    details: str
    when: PartialDate
    kind: str
    look: Look = Look.COMING


@dataclass(frozen=True, slots=True)
class Words:
    """What the picture says besides the programme. `kinds`: what each kind of event is called, `note`: a line at the end."""

    heading: str
    day: str
    today: str
    open: str
    vague: str
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    note: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is to be drawn. `entries` in the order in which they are shown; `language` is that of the months."""

    entries: tuple[Entry, ...]
    stages: tuple[Stage, ...]
    today: date
    words: Words
    language: str


def layout(timeline: Timeline) -> Drawing:
    """Return where everything stands."""
    page = _Page(WIDTH)
    page.heading(timeline.words)
    dated = [entry for entry in timeline.entries if entry.when.precision is not Precision.OPEN]
    if dated or timeline.stages:
        scale = _scale([(e.when.first, e.when.last) for e in dated] + [(s.first, s.last) for s in timeline.stages], timeline.today)
        page.chart(scale, timeline, dated)
    page.undated([entry for entry in timeline.entries if entry.when.precision is Precision.OPEN], timeline.words)
    page.meanings(timeline.words, dated)
    return page.drawing()


@dataclass(frozen=True, slots=True)
class _Scale:
    """The line: from the first day of month `start` up to that of month `end`. Months are counted from the year 0."""

    start: int
    end: int

    def x(self, day: int) -> float:
        """Return where a day begins, given as its ordinal."""
        first, last = _ordinal(self.start), _ordinal(self.end)
        return round(LEFT + (day - first) / (last - first) * (RIGHT - LEFT), 1)

    def month(self, month: int) -> float:
        """Return where a month begins; one outside is at the end of the line."""
        return self.x(_ordinal(min(max(month, self.start), self.end)))

    def span(self, first: date, last: date) -> tuple[float, float]:
        """Return where these days begin and end."""
        return self.x(first.toordinal()), self.x(last.toordinal() + 1)

    def holds(self, day: date) -> bool:
        """Whether the day is on the line."""
        return _ordinal(self.start) <= day.toordinal() < _ordinal(self.end)


def _month_of(day: date) -> int:
    return day.year * _YEAR_MONTHS + day.month - 1


def _ordinal(month: int) -> int:
    """Return the ordinal of the month's first day; also of the one after the last that there is."""
    year, rest = divmod(month, _YEAR_MONTHS)
    return date(year, rest + 1, 1).toordinal() if year <= date.max.year else date.max.toordinal() + 1


def _scale(spans: Sequence[tuple[date, date]], today: date) -> _Scale:
    """Return the line that holds these days, and today unless it is far away; whole months, and not too few of them."""
    first, last = min(first for first, _ in spans), max(last for _, last in spans)
    if first.toordinal() - _REACH <= today.toordinal() <= last.toordinal() + _REACH:
        first, last = min(first, today), max(last, today)
    start, end = _month_of(first), _month_of(last) + 1
    missing = max(0, _SHORTEST - (end - start))
    earliest, latest = _month_of(date.min), _month_of(date.max) + 1
    start = max(earliest, start - missing // 2)
    end = min(latest, max(end, start + _SHORTEST))
    return _Scale(min(start, end - _SHORTEST), end)


@dataclass(frozen=True, slots=True)
class _Block:
    """The words of an event, broken into lines. `x`: its left edge; `beside`: the mark, else below it."""

    title: list[str]
    details: list[str]
    x: float
    right_aligned: bool
    beside: bool


def _block(entry: Entry, title: Face, left: float, right: float) -> _Block:
    """Break an event's words, and choose where they stand: right of the mark (from `left` to `right`), left of it, or below."""
    words, details = clean(entry.title) or "–", clean(entry.details)
    rooms = {False: RIGHT - _EDGE - right - _GAP, True: left - _GAP - LEFT - _EDGE}  # by whether they end at the mark
    natural = max(title.width(words), _DETAILS.width(details))
    side = next((side for side, room in rooms.items() if natural <= room), max(rooms, key=lambda side: rooms[side]))
    beside = rooms[side] >= min(natural, _ENOUGH)
    room = rooms[side] if beside else RIGHT - LEFT
    lines = title.wrap(words, room, _MOST_LINES), _DETAILS.wrap(details, room, _MOST_LINES)
    if beside:
        return _Block(*lines, left - _GAP if side else right + _GAP, side, beside)
    width = max([title.width(line) for line in lines[0]] + [_DETAILS.width(line) for line in lines[1]])
    return _Block(*lines, max(LEFT, min(left, RIGHT - width)), right_aligned=False, beside=False)


class _Page(Page):
    """The page of a time line."""

    def heading(self, words: Words) -> None:
        """Write the heading, and the day on which the picture was made."""
        day = _ASIDE.shorten(clean(words.day), RIGHT - LEFT - 400)
        heading = _HEADING.shorten(clean(words.heading), RIGHT - LEFT - _ASIDE.width(day) - 40)
        self.write(heading, LEFT, _HEADING, "heading", top=self.y)
        self.write(day, RIGHT, _ASIDE, "aside", top=self.y + ASCENT * (_HEADING.size - _ASIDE.size), ends=True)
        self.y += _HEADING.size * LINE + 28

    def chart(self, scale: _Scale, timeline: Timeline, entries: Sequence[Entry]) -> None:
        """Draw the line, the phases, and a row for each event."""
        top = self.y
        borders = self._axis(scale, timeline.language)
        if scale.holds(timeline.today):
            self._today(sum(scale.span(timeline.today, timeline.today)) / 2, timeline.words)
        below_today = self.y
        for lane in in_lanes(timeline.stages):
            self.stages(lane, scale.span)
        self.y += 10
        for entry in entries:
            self._row(scale, entry)
        if scale.holds(timeline.today):
            self._today_line(sum(scale.span(timeline.today, timeline.today)) / 2, below_today)
        self.bands[:0] = [Box(a, top, b, self.y, f"year{n % 2}") for n, (a, b) in enumerate(borders)]
        self.y += 24

    def _axis(self, scale: _Scale, language: str) -> list[tuple[float, float]]:
        """Write years and months; return where each year (or number of years) begins and ends."""
        span = scale.end - scale.start
        months = [format_date(date(2000, month, 1), "LLL", locale=language) for month in range(1, _YEAR_MONTHS + 1)]
        month, year = max(_MONTH.width(name) for name in months) + 24, _YEAR.width("2000") + 24
        step = next((s for s in _STEPS if (RIGHT - LEFT) * s / span >= (year if s >= _YEAR_MONTHS else month)), _STEPS[-1])
        group = max(step, _YEAR_MONTHS)
        starts = [m for m in range(scale.start - scale.start % group, scale.end, group) if m + group > scale.start]
        borders = [scale.month(m) for m in starts] + [float(RIGHT)]
        for start, (left, right) in zip(starts, pairwise(borders), strict=True):
            name = str(max(start, scale.start) // _YEAR_MONTHS)
            if _YEAR.width(name) + 20 <= right - left:
                self.write(name, left + 10, _YEAR, "year", top=self.y + 6)
        self.y += _YEAR.size * LINE + 10
        if step < _YEAR_MONTHS:
            self._months(scale, range(scale.start + -scale.start % step, scale.end, step), months)
            self.y += _MONTH.size * LINE + 4
        self.y += 8
        return list(pairwise(borders))

    def _months(self, scale: _Scale, shown: range, names: Sequence[str]) -> None:
        for month in shown:
            name, x = names[month % _YEAR_MONTHS], scale.month(month)
            if x + 10 + _MONTH.width(name) <= RIGHT:
                self.write(name, x + 10, _MONTH, "month", top=self.y)
                self.lines.append(Box(x, self.y + 4, x + 2, self.y + _MONTH.size + 4, "tick"))

    def _today(self, x: float, words: Words) -> None:
        """Put up the sign that says which line is today's."""
        name = _TODAY.shorten(clean(words.today), 300)
        width = _TODAY.width(name) + 28
        left = min(max(LEFT, x - width / 2), RIGHT - width)
        sign = Box(left, self.y, left + width, self.y + _TODAY.size * LINE + 8, "today")
        self.bars.append(sign)
        self.write(name, left + 14, _TODAY, "today", top=self.y + 5)
        self.y = sign.bottom

    def _today_line(self, x: float, top: float) -> None:
        """Draw today's line down to here, with gaps where it would run through words."""
        line = Box(x - 2, top, x + 2, self.y, "today")
        around = [Box(b.left - 6, b.top, b.right + 6, b.bottom) for b in (label.box for label in self.labels)]
        for box in sorted((b for b in around if b.meets(line)), key=lambda b: b.top):
            if box.top > top + _SHORTEST_PIECE:
                self.lines.append(Box(line.left, top, line.right, box.top, line.role))
            top = max(top, box.bottom)
        if self.y > top:
            self.lines.append(Box(line.left, top, line.right, self.y, line.role))

    def _row(self, scale: _Scale, entry: Entry) -> None:
        """Draw an event's mark, and its words where there is room for them."""
        shape, left, right = _extent(scale, entry)
        title = _TITLE_PAST if entry.look in (Look.PAST, Look.CANCELLED) else _TITLE
        block = _block(entry, title, left, right)
        top = self.y
        self.y += _PAD
        middle = self.y + (title.size * LINE if block.beside else MARK) / 2
        self.marks.append(Mark(shape, entry.look, Box(left, middle - MARK / 2, right, middle + MARK / 2)))
        if not block.beside:
            self.y += MARK + 6
        for lines, face, role in ((block.title, title, "title"), (block.details, _DETAILS, "details")):
            for line in lines:
                self.write(line, block.x, face, f"{role}-{entry.look}", top=self.y, ends=block.right_aligned)
                self.y += face.size * LINE
        self.y += _PAD
        if entry.look is Look.NEXT:
            self.bands.append(Box(LEFT, top, RIGHT, self.y, "next"))

    def undated(self, entries: Sequence[Entry], words: Words) -> None:
        """List the events that have no place on the line."""
        if not entries:
            return
        self.line(words.open, _TITLE, "open")
        for entry in entries:
            self.line(f"• {clean(entry.title)}, {clean(entry.details)}", _DETAILS, f"title-{entry.look}")
        self.y += 18

    def meanings(self, words: Words, entries: Sequence[Entry]) -> None:
        """Say what the marks mean that were drawn, and what the picture leaves out."""
        kinds = [(kind, name) for kind, name in words.kinds.items() if any(e.kind == kind and e.when.exact for e in entries)]
        self.key(kinds + ([("vague", words.vague)] if any(not e.when.exact for e in entries) else []))
        if words.note:
            self.line(words.note, _KEY, "key")


def _extent(scale: _Scale, entry: Entry) -> tuple[str, float, float]:
    """Return an event's shape on the line, its left and its right edge. What lasts no longer than its mark is wide is a mark."""
    left, right = scale.span(entry.when.first, entry.when.last)
    if not entry.when.exact:
        return "vague", left, max(right, left + 4)
    if right - left > MARK * 2:
        return "bar", left, right
    middle = min(max((left + right) / 2, LEFT + MARK / 2), RIGHT - MARK / 2)
    return entry.kind, middle - MARK / 2, middle + MARK / 2
