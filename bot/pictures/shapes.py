"""What pictures are made of: boxes, lines of text and marks on a page. All lengths are pixels, from the upper left corner."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bot.domain.chat_words import one_line
from bot.pictures.fonts import ASCENT, DESCENT, Face

LINE = 1.25
"""From one baseline to the next, in sizes of the font."""

MARGIN = 48
MARK = 30
"""Height of a mark, and its least width."""

_LONGEST_TEXT = 400
_MOST_LANES = 3
_PHASE_HEIGHT = 48
_PHASE, _PHASE_NOW, _KEY = Face(24), Face(24, bold=True), Face(24)


class Look(StrEnum):
    """How an event, or a phase, stands out."""

    PAST = "past"
    NEXT = "next"  # a phase: the one we are in
    COMING = "coming"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Stage:
    """A phase of work with the days that surely belong to it, both inclusive. `short` is for where `name` has no room."""

    name: str
    short: str
    first: date
    last: date
    look: Look = Look.COMING


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle. `role`: what the template draws it as."""

    left: float
    top: float
    right: float
    bottom: float
    role: str = ""

    @property
    def width(self) -> float:
        """How wide it is."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """How high it is."""
        return self.bottom - self.top

    def meets(self, other: "Box") -> bool:
        """Whether the two have more than an edge in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text. `x`, `y`: where its baseline begins."""

    text: str
    x: float
    y: float
    face: Face
    role: str

    @property
    def box(self) -> Box:
        """What it covers, with all that its letters may have above and below."""
        top, bottom = self.y - ASCENT * self.face.size, self.y + DESCENT * self.face.size
        return Box(self.x, top, self.x + self.face.width(self.text), bottom)


@dataclass(frozen=True, slots=True)
class Mark:
    """An event on the line. `shape`: the event's kind, `bar` for several days, `vague` for days of which one will be it."""

    shape: str
    look: Look
    box: Box


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything in the picture, in the order in which it is drawn: `bands` and `bars` (boxes), `lines` (thin boxes), marks, labels."""

    width: int
    height: int
    bands: tuple[Box, ...]
    bars: tuple[Box, ...]
    lines: tuple[Box, ...]
    marks: tuple[Mark, ...]
    labels: tuple[Label, ...]


def clean(text: str) -> str:
    """Return a text of people as one line that can be drawn."""
    return one_line(text, _LONGEST_TEXT)


def in_lanes(stages: Iterable[Stage]) -> list[list[Stage]]:
    """Return the phases in lanes in which none lies over another; there is hardly ever more than one."""
    lanes: list[list[Stage]] = []
    for stage in sorted(stages, key=lambda s: (s.first, s.last)):
        free = next((lane for lane in lanes if lane[-1].last < stage.first), None)
        if free is not None:
            free.append(stage)
        elif len(lanes) < _MOST_LANES:
            lanes.append([stage])
    return lanes


class Page:
    """A page that is filled from top to bottom. `y`: where there is room."""

    def __init__(self, width: int) -> None:
        self.width, self.left, self.right = width, float(MARGIN), float(width - MARGIN)
        self.y: float = 40.0
        self.bands: list[Box] = []
        self.bars: list[Box] = []
        self.lines: list[Box] = []
        self.marks: list[Mark] = []
        self.labels: list[Label] = []

    def drawing(self) -> Drawing:
        """Return everything that was put on the page."""
        return Drawing(
            self.width,
            round(self.y + 36),
            tuple(self.bands),
            tuple(self.bars),
            tuple(self.lines),
            tuple(self.marks),
            tuple(self.labels),
        )

    def write(self, text: str, x: float, face: Face, role: str, *, top: float, ends: bool = False) -> None:
        """Put a line of text below `top`, beginning at `x`, or ending there."""
        x -= face.width(text) if ends else 0
        self.labels.append(Label(text, round(x, 1), round(top + ASCENT * face.size, 1), face, role))

    def line(self, text: str, face: Face, role: str) -> None:
        """Write a line, cut off where the page ends."""
        self.write(face.shorten(clean(text), self.right - self.left), self.left, face, role, top=self.y)
        self.y += face.size * LINE + 4

    def stages(self, lane: Iterable[Stage], span: Callable[[date, date], tuple[float, float]]) -> None:
        """Draw phases beside each other, with as much of their names as fits. `span`: where days begin and end."""
        top = self.y + 8
        for stage in lane:
            left, right = span(stage.first, stage.last)
            bar = Box(left, top, max(right - 3, left + 1), top + _PHASE_HEIGHT, f"phase-{stage.look}")
            self.bars.append(bar)
            face = _PHASE_NOW if stage.look is Look.NEXT else _PHASE
            names = (clean(stage.name), clean(stage.short))
            name = next((name for name in names if face.width(name) + 10 <= bar.width), "")
            if name:
                x = (bar.left + bar.right - face.width(name)) / 2
                self.write(name, x, face, bar.role, top=top + (_PHASE_HEIGHT - face.size * (ASCENT + DESCENT)) / 2)
        self.y = top + _PHASE_HEIGHT

    def key(self, shapes: Iterable[tuple[str, str]]) -> None:
        """Say what marks of these shapes mean."""
        x, top = self.left, self.y
        for shape, name in shapes:
            text = _KEY.shorten(clean(name), self.right - self.left - MARK - 12)
            width = MARK + 12 + _KEY.width(text)
            if x > self.left and x + width > self.right:
                x, top = self.left, top + _KEY.size * LINE + 10
            self.marks.append(Mark(shape, Look.COMING, Box(x, top, x + MARK, top + MARK)))
            self.write(text, x + MARK + 12, _KEY, "key", top=top + 1)
            x += width + 40
            self.y = top + _KEY.size * LINE + 10
