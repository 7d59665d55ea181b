"""What pictures have to withstand: names and dates of every kind, and what has to be true of any picture."""

from datetime import date, timedelta
from itertools import combinations

from hypothesis import strategies as st

from bot.domain.dates import PartialDate
from bot.pictures.shapes import MARGIN, Box, Drawing, Look, Stage

HOSTILE = "<b>&amp; \"'</text><script/>\x00\x1b\ufffe\ud800\u202e{{7}}]]>"
NAMES = [
    "",
    "5. Netzwerk-Workshop",
    "a" * 300,
    "ﷺ" * 90,
    "漢字 😀 👩‍👩‍👧 " * 20,
    "e\u0301\u0302" * 100,
    HOSTILE,
    "العربية עברית " * 9,
]

days = st.dates(date(2015, 1, 1), date(2026, 12, 31)) | st.dates()


def _interval(first: date, length: int) -> PartialDate:
    first = min(first, date(9990, 1, 1))
    return PartialDate.parse(f"{first}/{first + timedelta(days=length)}")


def _part_of_year(year: int, part: str) -> PartialDate:
    return PartialDate.parse(f"{year}{part}")


def _stage(name: str, short: str, one: date, other: date, look: Look) -> Stage:
    return Stage(name, short, min(one, other), max(one, other), look)


parts = st.sampled_from(["", "-XX-XX", *(f"-{part:02d}" for part in (*range(1, 13), *range(21, 25), *range(33, 37)))])
dates = st.one_of(
    days.map(PartialDate.day),
    st.builds(_interval, days, st.integers(1, 400)),
    st.builds(_part_of_year, st.integers(2018, 2023), parts),
)
texts = st.sampled_from(NAMES) | st.text(max_size=120)
looks = st.sampled_from(list(Look))
stages = st.builds(_stage, texts, texts, days, days, looks)


def check(drawing: Drawing) -> None:
    canvas = Box(0, 0, drawing.width, drawing.height)
    shown = [(label.text, label.box) for label in drawing.labels] + [(mark.shape, mark.box) for mark in drawing.marks]
    for name, box in shown + [(box.role, box) for box in drawing.bands + drawing.bars + drawing.lines]:
        assert canvas.left <= box.left <= box.right <= canvas.right, name
        assert canvas.top <= box.top <= box.bottom <= canvas.bottom, name
    for (name, box), (other, other_box) in combinations(shown, 2):
        assert not box.meets(other_box), (name, other)
    for label in drawing.labels:
        assert MARGIN - 0.1 <= label.box.left <= label.box.right <= drawing.width - MARGIN + 0.1, label.text
    for line in drawing.lines:
        assert not any(line.meets(label.box) for label in drawing.labels), "a line runs through words"
