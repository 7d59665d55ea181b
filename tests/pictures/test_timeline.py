"""The time line: whatever the programme is, nothing lies over anything else, and what is written is really drawn."""

import re
from datetime import date, timedelta
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain.dates import PartialDate
from bot.pictures import draw_timeline
from bot.pictures.drawing import png, svg
from bot.pictures.fonts import FAMILY, Face
from bot.pictures.shapes import Label, Look, Stage
from bot.pictures.timeline import Entry, Timeline, Words, layout
from tests.pictures.hostile import HOSTILE, NAMES, check, dates, days, looks, stages, texts

TODAY = date(2020, 10, 12)
WORDS = Words("Zeitplan", "12. Oktober 2020", "heute", "Termin noch offen", "Tag steht noch nicht fest", {"workshop": "Workshop"})
entries = st.builds(Entry, texts, texts, dates, st.sampled_from(["workshop", "conference"]), looks)
words = st.builds(Words, texts, texts, texts, texts, texts, st.just({"workshop": "Workshop", "conference": "w" * 200}), texts)
timelines = st.builds(
    Timeline,
    st.lists(entries, max_size=20).map(tuple),
    st.lists(stages, max_size=20).map(tuple),
    days,
    st.just(WORDS) | words,
    st.sampled_from(["de", "en"]),
)


def _entry(title: str, when: str, look: Look = Look.COMING) -> Entry:
    return Entry(title, f"am {when}", PartialDate.parse(when), "workshop", look)


def _line(*shown: Entry, stages: tuple[Stage, ...] = (), today: date = TODAY) -> Timeline:
    return Timeline(shown, stages, today, WORDS, "de")


SIXTY = _line(*(_entry(f"{n}. Werkstatt", str(date(2020, 1, 1) + timedelta(days=17 * n))) for n in range(60)))
OPEN = _line(*(_entry(f"{n}. Werkstatt", "2021-XX-XX") for n in range(9)))


@settings(max_examples=150, deadline=None)
@given(timelines)
@example(SIXTY)
@example(OPEN)
@example(_line(_entry("Nur eine", "2020-11-24")))
@example(_line(_entry("Anfang", "0001-01-01"), _entry("Ende", "9999-12-31"), today=date.max))
@example(_line(_entry("Ende", "9999-12-31")))
@example(_line(*(_entry(name, when) for name in NAMES for when in ("2020-06-15", "2021", "2022-12"))))
def test_nothing_overlaps_and_nothing_leaves_the_picture(timeline: Timeline) -> None:
    drawing = layout(timeline)
    check(drawing)
    ET.fromstring(svg(drawing))  # noqa: S314  (our own)


def test_each_event_has_its_row_and_its_name() -> None:
    drawing = layout(SIXTY)
    assert [label.text for label in drawing.labels if label.role.startswith("title")] == [f"{n}. Werkstatt" for n in range(60)]


def test_a_month_is_as_wide_as_it_is() -> None:
    """Nothing invents a day."""
    drawing = layout(_line(_entry("Tag", "2022-01-31"), _entry("Monat", "2022-02"), _entry("Tag", "2022-03-01")))
    day, month, after = (mark.box for mark in drawing.marks[:3])
    assert [mark.shape for mark in drawing.marks] == ["workshop", "vague", "workshop", "workshop", "vague"]
    one_day = month.width / 28
    assert (day.left + day.right) / 2 == pytest.approx(month.left - one_day / 2, abs=0.2)
    assert (after.left + after.right) / 2 == pytest.approx(month.right + one_day / 2, abs=0.2)


def test_what_is_open_is_listed_and_not_placed() -> None:
    drawing = layout(OPEN)
    assert drawing.marks == drawing.bands == drawing.bars == ()
    assert [label.text for label in drawing.labels][2:4] == ["Termin noch offen", "• 0. Werkstatt, am 2021-XX-XX"]


@pytest.mark.parametrize(
    ("today", "there"), [(date(2020, 10, 12), True), (date(2020, 2, 1), True), (date(2019, 1, 1), False), (date(2030, 1, 1), False)]
)
def test_today_is_shown_unless_it_is_far_away(today: date, there: bool) -> None:  # noqa: FBT001  (a parameter of the test)
    drawing = layout(_line(_entry("Werkstatt", "2020-06-15"), _entry("Werkstatt", "2021-06-15"), today=today))
    assert ("heute" in [label.text for label in drawing.labels]) == there
    assert any(box.role == "today" for box in drawing.lines) == there


def test_phases_lie_beside_each_other() -> None:
    first = Stage("Phase 1", "1", date(2020, 6, 17), date(2020, 11, 23), Look.NEXT)
    second = Stage("Phase 2", "2", date(2020, 11, 28), date(2020, 12, 20))
    over_both = Stage("Phase 3", "3", date(2020, 6, 17), date(2020, 12, 20))
    drawing = layout(_line(_entry("Werkstatt", "2022-06-15"), stages=(first, second, over_both)))
    bars = [box for box in drawing.bars if box.role.startswith("phase")]
    assert [box.role for box in bars] == ["phase-next", "phase-coming", "phase-coming"]
    assert not any(box.meets(other) for box, other in combinations(bars, 2))
    assert {"Phase 1", "2", "Phase 3"} <= {label.text for label in drawing.labels}, "as much of a name as has room"


def _drawn(labels: list[Label], *, covered: bool) -> bytes:
    texts = "".join(
        f'<text x="{label.x}" y="{label.y}" font-family="{FAMILY}" font-size="{label.face.size}"'
        f' font-weight="{"bold" if label.face.bold else "normal"}">{label.text}</text>'
        for label in labels
    )
    boxes = [label.box for label in labels] if covered else []
    covers = "".join(
        f'<rect x="{b.left - 3}" y="{b.top - 1}" width="{b.width + 6}" height="{b.height + 2}" fill="#fff"/>' for b in boxes
    )
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="100"><rect width="1200" height="100" fill="#fff"/>'
    return png(f"{head}{texts}{covers}</svg>")


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize(
    "text", ["Netzwerk-Workshop", "WAVAToTyfifl", "Überfällig ✓ „Jg“", "漢字 😀", "العربية", "שלום", "e\u0301x\u0302"]
)
def test_text_is_really_drawn_and_as_wide_as_measured(text: str, bold: bool) -> None:  # noqa: FBT001  (a parameter of the test)
    """resvg draws nothing, and says nothing, where it has no font: so look whether there is ink, and whether it is where we think."""
    label = Label(text, 20, 60, Face(32, bold), "title")
    blank = _drawn([], covered=False)
    assert _drawn([label], covered=False) != blank
    assert _drawn([label], covered=True) == blank
    assert _drawn([label], covered=False) != _drawn([Label(text, 20, 60, Face(32, not bold), "title")], covered=False)


def test_words_are_broken_where_they_may_be() -> None:
    face = Face(32)
    title = "Netzwerk-Tagung zur Bilanz des 2. Nationalen Aktionsplans"
    assert face.wrap(title, 420, 3) == ["Netzwerk-Tagung zur", "Bilanz des 2. Nationalen", "Aktionsplans"]
    assert face.wrap(title, 200, 3) == ["Netzwerk-", "Tagung zur", "Bilanz des…"]
    assert face.wrap(title, 2000, 3) == [title]
    assert face.wrap("", 200, 3) == []
    assert all(face.width(line) <= 200 for line in face.wrap("x" * 99, 200, 3))


async def test_a_picture() -> None:
    timeline = _line(*(_entry(name, "2020-11-24/2020-11-27") for name in NAMES))
    picture = await draw_timeline(timeline)
    assert picture.data.startswith(b"\x89PNG\r\n\x1a\n")
    assert (picture.width, picture.height) == (1200, layout(timeline).height)
    assert int.from_bytes(picture.data[16:20], "big") == 1200
    assert int.from_bytes(picture.data[20:24], "big") == picture.height


def test_what_people_typed_stays_text() -> None:
    source = svg(layout(_line(_entry(HOSTILE, "2020-11-24"))))
    drawn = ET.fromstring(source).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314  (our own)
    assert "<b>&amp;\"'</text><script/>{{7}}]]>" in "".join(element.text or "" for element in drawn), "broken at the space"
    assert not re.search("<script|<b>", source)
