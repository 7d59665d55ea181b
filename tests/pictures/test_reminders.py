"""The reminders of a period: whatever is said in however long a time, nothing lies over anything else, and every day is counted."""

from datetime import date, timedelta
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain.dates import PartialDate
from bot.pictures import draw_reminders
from bot.pictures.drawing import svg
from bot.pictures.reminders import Chart, Dated, Lane, Words, layout
from bot.pictures.shapes import Drawing, Look, Stage
from tests.pictures.hostile import HOSTILE, NAMES, check, dates, looks, stages, texts

KINDS = {"workshop": "Workshop", "conference": "Konferenz", "report": "Bericht fällig"}
WORDS = Words(
    "Erinnerungen", "2020 – 2022", "9 Nachrichten", (), "Offen", "Kein Tag", "an einem Tag", "an 8 Tagen", "Ohne Platz", KINDS
)
FIRST, LAST = date(2020, 1, 1), date(2022, 12, 31)


def _lane(name: str, details: str, first: date, distances: list[int], rooms: list[int]) -> Lane:
    days = [first + timedelta(days=sum(distances[: n + 1])) for n in range(len(distances))]
    return Lane(name, details, tuple(zip(days, rooms * len(days), strict=False)))


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    """A period of a day to 300 years, with anything in it that its beginning allows."""
    first = draw(st.dates(date(1990, 1, 1), date(2024, 12, 31)) | st.dates(date(1900, 1, 1), date(2199, 12, 31)))
    length = draw(st.sampled_from([0, 1, 6, 30, 59, 364, 1095]) | st.integers(0, 300 * 365))
    last = min(first + timedelta(days=length), date(2199, 12, 31))
    distances = st.lists(st.integers(1, max(1, (last - first).days // 40)), min_size=1, max_size=40)
    rooms = st.lists(st.integers(1, 400), min_size=1, max_size=4)
    lanes = draw(st.lists(st.builds(_lane, texts, texts, st.just(first - timedelta(days=1)), distances, rooms), max_size=9))
    in_it = tuple(Lane(each.name, each.details, tuple(d for d in each.days if d[0] <= last)) for each in lanes)
    dated = st.lists(st.builds(Dated, texts, dates, st.sampled_from(list(KINDS)), looks), max_size=30).map(tuple)
    supposed = st.lists(texts, max_size=4).map(tuple)
    words = st.just(WORDS) | st.builds(Words, texts, texts, texts, supposed, texts, texts, texts, texts, texts, st.just(KINDS))
    phases = draw(st.lists(stages, max_size=9).map(tuple))
    return Chart(
        first,
        last,
        draw(dated),
        draw(dated),
        phases,
        tuple(lane for lane in in_it if lane.days),
        draw(words),
        draw(st.sampled_from(["de", "en"])),
    )


def _dated(name: str, when: str, kind: str = "workshop") -> Dated:
    return Dated(name, PartialDate.parse(when), kind)


def _chart(*lanes: Lane, events: tuple[Dated, ...] = (), reports: tuple[Dated, ...] = (), last: date = LAST) -> Chart:
    return Chart(FIRST, last, events, reports, (), lanes, WORDS, "de")


def _counted(drawing: Drawing, role: str = "lane0") -> list[str]:
    return [label.text for label in drawing.labels if label.role == role]


WEEKLY = _lane("Überfällig", "Labore", FIRST, [7] * 150, [13])
SIXTY = tuple(_dated(f"{n}. Werkstatt", str(FIRST + timedelta(days=17 * n))) for n in range(60))


@settings(max_examples=150, deadline=None)
@given(charts())
@example(_chart())
@example(_chart(WEEKLY, events=SIXTY, reports=SIXTY))
@example(_chart(events=(_dated("Über alles hinaus", "2019", "conference"), _dated("Das Jahr", "2020"), _dated("Monat", "2022-12"))))
@example(_chart(events=tuple(_dated(name, when) for name in NAMES for when in ("2020-06-15", "2021", "2022-12"))))
def test_nothing_overlaps_and_nothing_leaves_the_picture(chart: Chart) -> None:
    drawing = layout(chart)
    check(drawing)
    bars = [*drawing.bars, *(mark.box for mark in drawing.marks)]
    assert not [(one, other) for one, other in combinations(bars, 2) if one.meets(other)]
    ET.fromstring(svg(drawing, fitted=True))  # noqa: S314  (our own)


@settings(max_examples=100, deadline=None)
@given(charts())
def test_every_day_is_counted_once(chart: Chart) -> None:
    """In whatever mark it is: "5 × 13" are five days, "13" is one."""
    for lane in chart.lanes:
        drawing = layout(_only(chart, lane))
        assert sum(int(text.split(" × ")[0]) if "×" in text else 1 for text in _counted(drawing)) == len(lane.days)


def _only(chart: Chart, lane: Lane) -> Chart:
    return Chart(chart.first, chart.last, (), (), (), (lane,), WORDS, "de")


def test_thirteen_labs_at_once_are_one_mark() -> None:
    """A mark for each week where a week is wide enough, one for all where it is not; ticks show the days all the same."""
    near = _lane("Überfällig", "Labore", FIRST, [7, 7, 7], [13])
    assert _counted(layout(_chart(near, last=date(2020, 1, 31)))) == ["13", "13", "13"]
    far = layout(_chart(WEEKLY))
    assert _counted(far) == ["150 × 13"]
    assert len([line for line in far.lines if line.role == "tick-lane0"]) == 150


def test_what_differs_is_said() -> None:
    """Twelve labs, then thirteen: the mark says so, and the ticks are as long as many rooms hear of it."""
    drawing = layout(_chart(Lane("x", "y", ((date(2020, 5, 4), 1), (date(2020, 5, 6), 13)))))
    assert _counted(drawing) == ["2 × 1–13"]
    one, other = (line for line in drawing.lines if line.role.startswith("tick"))
    assert one.height < other.height


def test_lanes_of_one_kind_have_one_colour() -> None:
    day = ((date(2020, 5, 4), 1),)
    drawing = layout(_chart(Lane("Überfällig", "Labore", day), Lane("Überfällig", "Forschung", day), Lane("Fällig", "Labore", day)))
    assert [bar.role for bar in drawing.bars] == ["lane0", "lane0", "lane1", "sample", "sample"]


def test_what_has_no_room_is_counted() -> None:
    """A picture has an end: more rows than it has are a number."""
    same_day = tuple(_dated(f"Bericht {n}", "2021-06-15", "report") for n in range(50))
    texts_drawn = [label.text for label in layout(_chart(reports=same_day)).labels]
    assert "Ohne Platz: 36" in texts_drawn
    assert sum(text.startswith("Bericht ") for text in texts_drawn) == 15, "14 rows, and the key"


def test_only_what_lies_in_the_period_is_drawn() -> None:
    """Phases are cut at its ends; what has no date is named below."""
    events = (
        _dated("Davor", "2019-12-31"),
        _dated("Darin", "2020-01-01"),
        _dated("Danach", "2023"),
        _dated("Offen, 2021", "2021-XX-XX"),
    )
    phase = Stage("Phase 1", "1", date(2019, 6, 1), date(2024, 1, 1), Look.COMING)
    drawing = layout(Chart(FIRST, LAST, events, (), (phase,), (), WORDS, "de"))
    drawn = [label.text for label in drawing.labels]
    assert "Darin" in drawn
    assert "Offen: Offen, 2021" in drawn
    assert {"Davor", "Danach"}.isdisjoint(drawn)
    (bar,) = drawing.bars
    assert (bar.left, round(bar.right)) == (48, 1549)


@pytest.mark.parametrize(
    ("last", "shown", "not_shown"),
    [
        (date(2020, 1, 31), {"2020", "Jan", "1", "31"}, {"Feb"}),
        (date(2020, 5, 31), {"2020", "Jan", "Mai", "6", "25"}, {"1", "5"}),  # Mondays
        (date(2022, 12, 31), {"2020", "2021", "2022", "Jan"}, {"1", "6"}),
        (date(2099, 12, 31), {"2020", "2090"}, {"Jan", "2021"}),
    ],
)
def test_the_axis_has_what_there_is_room_for(last: date, shown: set[str], not_shown: set[str]) -> None:
    drawn = {label.text for label in layout(_chart(last=last)).labels}
    assert shown <= drawn
    assert not_shown.isdisjoint(drawn)


async def test_as_svg_and_as_png() -> None:
    """The SVG says how wide each text is: on a machine without our font, nothing runs into anything else."""
    chart = _chart(WEEKLY, events=(_dated(HOSTILE, "2020-06-15"),))
    source = (await draw_reminders(chart, ".svg")).decode()
    root = ET.fromstring(source)  # noqa: S314  (our own)
    drawn = list(root.iter("{http://www.w3.org/2000/svg}text"))
    assert all(float(element.attrib["textLength"]) > 0 for element in drawn)
    assert any("<script/>" in (element.text or "") for element in drawn)
    assert "<script" not in source
    data = await draw_reminders(chart, ".png")
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(data[16:20], "big") == 1600
