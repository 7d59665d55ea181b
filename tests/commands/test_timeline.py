"""The programme as a picture, with words that say the same."""

from datetime import date, datetime, timedelta

import pytest

from bot.command import Attachment, Context, Reply, command
from bot.db.engine import Database
from bot.domain.dates import PartialDate
from bot.domain.network import Network
from bot.domain.places import lab_audience
from bot.domain.programme import Event, Phase
from bot.domain.roles import Role
from bot.pictures import drawing
from bot.pictures.timeline import Drawing, Timeline, layout
from bot.registry import Registry
from bot.rendering import template
from tests import conversation
from tests.conversation import ZONE, Conversation, Said, notice

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[Drawing]:
    """Everything that is laid out, as it is laid out."""
    found: list[Drawing] = []

    def remembered(timeline: Timeline) -> Drawing:
        found.append(layout(timeline))
        return found[-1]

    monkeypatch.setattr("bot.pictures.drawing.layout", remembered)
    return found


def _image(room: str, *lines: str) -> Said:
    return Said(room, "image", "\n".join(lines))


def _labels(drawing: Drawing, role: str) -> list[str]:
    return [label.text for label in drawing.labels if label.role.startswith(role)]


def _event(number: int, when: str, **more: object) -> Event:
    return Event(f"werkstatt-{number}", "workshop", f"{number}. Werkstatt", PartialDate.parse(when), number, **more)  # pyright: ignore[reportArgumentType]


async def _network(database: Database, *events: Event, phases: tuple[Phase, ...] = ()) -> Conversation:
    return await Conversation.begin(
        database, {"network": ["nora"]}, Network("Netz", "Europe/Berlin", "de", events=events, phases=phases)
    )


async def test_the_timeline(netz: Conversation, pictures: list[Drawing]) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz zeitplan") == [
        _image(
            "lab:bremen",
            "Der Zeitplan des Netzwerks, Stand 12. Oktober 2020. Wir sind in Phase 1.",
            "",
            "Als Nächstes:",
            "",
            "• 2. Netzwerk-Workshop, 24.–27. November 2020, online (in 43 Tagen)",
            "• 3. Netzwerk-Workshop, 16.–17. März 2021",
            "• Netzwerk-Tagung zur Bilanz des 2. Nationalen Aktionsplans, 15.–16. Juni 2021",
            "• 4. Netzwerk-Workshop, 30. September – 1. Oktober 2021, Merzenich",
            "• 5. Netzwerk-Workshop, Februar 2022",
            "",
            "Alle Termine in Worten zeigt: !netz programm",
        )
    ]
    (written,) = netz.written
    stored = netz.files[written.key]
    assert (stored.name, stored.mimetype, stored.data[:8]) == ("zeitplan-2020-10-12.png", "image/png", PNG)
    expected = {
        "filename": "zeitplan-2020-10-12.png",
        "info": {"mimetype": "image/png", "size": len(stored.data), "w": 1200, "h": pictures[0].height},
        "m.mentions": {},
        "m.relates_to": {"m.in_reply_to": {"event_id": netz.last_event}},
        "netzwart.key": written.key,
    }
    assert {name: written.content[name] for name in expected} == expected
    assert (written.key, written.room, "url" in written.content) == (f"reply:{netz.last_event}", "lab:bremen", False)


async def test_what_the_picture_shows(netz: Conversation, pictures: list[Drawing]) -> None:
    await netz.say("nora", "network", "!netz zeitplan")
    (picture,) = pictures
    assert _labels(picture, "title") == [
        "✓ 1. Netzwerk-Workshop",
        "2. Netzwerk-Workshop",
        "3. Netzwerk-Workshop",
        "Netzwerk-Tagung zur Bilanz des",
        "2. Nationalen Aktionsplans",
        "4. Netzwerk-Workshop",
        "5. Netzwerk-Workshop",
        "6. Netzwerk-Workshop",
        "Abschlusskonferenz",
    ]
    assert _labels(picture, "details")[5:] == ["Merzenich", "Februar 2022", "September 2022", "Dezember 2022"]
    assert _labels(picture, "phase") == ["Phase 1", "Phase 2", "3", "Phase 4", "Phase 5", "Phase 6", "7"]
    assert [mark.shape for mark in picture.marks[:8]] == ["workshop"] * 3 + ["conference", "workshop"] + ["vague"] * 3
    assert _labels(picture, "today") == ["heute"]
    assert _labels(picture, "key") == ["Workshop", "Konferenz", "Tag steht noch nicht fest"]
    assert [box.role for box in picture.bands].count("next") == 1


async def test_in_the_language_of_the_room(netz: Conversation, pictures: list[Drawing]) -> None:
    await netz.say("nora", "network", "!netz sprache en")
    (answer,) = await netz.say("nora", "network", "!netz zeitplan")
    assert answer.words.split("\n")[:5] == [
        "The network's timeline, as of 12 October 2020. We are in phase 1.",
        "",
        "Next:",
        "",
        "• 2. Netzwerk-Workshop, 24–27 November 2020, online (in 43 days)",
    ]
    assert [file.name for file in netz.files.values()] == ["timeline-2020-10-12.png"]
    (picture,) = pictures
    assert [*_labels(picture, "heading"), *_labels(picture, "aside"), *_labels(picture, "today")] == [
        "Timeline",
        "12 October 2020",
        "today",
    ]
    assert _labels(picture, "month")[:2] == ["Jul", "Oct"]


async def test_in_a_thread(netz: Conversation) -> None:
    await netz.say("nora", "network", "!netz zeitplan", thread="$root")
    assert netz.written[0].content["m.relates_to"]["event_id"] == "$root"


async def test_an_empty_programme(database: Database, pictures: list[Drawing]) -> None:
    talk = await _network(database)
    assert await talk.say("nora", "network", "!netz zeitplan") == [notice("network", "Im Programm steht noch nichts.")]
    assert (talk.files, pictures) == ({}, [])


async def test_a_programme_without_any_date(database: Database, pictures: list[Drawing]) -> None:
    talk = await _network(database, _event(1, "2021-XX-XX"), _event(2, "2022-XX-XX"))
    assert await talk.say("nora", "network", "!netz zeitplan") == [
        notice(
            "network",
            "Noch steht kein Termin fest. Sobald es einen gibt, zeichne ich den Zeitplan.",
            "",
            "Als Nächstes:",
            "",
            "• 1. Werkstatt, 2021, Termin noch offen",
            "• 2. Werkstatt, 2022, Termin noch offen",
            "",
            "Alle Termine in Worten zeigt: !netz programm",
        )
    ]
    assert (talk.files, pictures) == ({}, [])


async def test_one_event_that_runs_one_that_is_cancelled_one_that_is_open(database: Database, pictures: list[Drawing]) -> None:
    events = (_event(1, "2020-10-12"), _event(2, "2020-11-20", cancelled=True, place="Kerpen"), _event(3, "2021-XX-XX"))
    talk = await _network(database, *events)
    (answer,) = await talk.say("nora", "network", "!netz zeitplan")
    assert answer.words.split("\n")[4:6] == [
        "• 1. Werkstatt, 12. Oktober 2020 (läuft gerade)",
        "• 3. Werkstatt, 2021, Termin noch offen",
    ]
    (picture,) = pictures
    assert _labels(picture, "title-next") == ["1. Werkstatt"]
    assert (_labels(picture, "title-cancelled"), _labels(picture, "details-cancelled")) == (
        ["2. Werkstatt"],
        ["20. November 2020, Kerpen, abgesagt"],
    )
    assert (_labels(picture, "open"), _labels(picture, "title-coming")) == (["Termin noch offen"], ["• 3. Werkstatt, 2021"])


async def test_phases_at_events_without_a_day(database: Database, pictures: list[Drawing]) -> None:
    """What surely belongs to a phase is drawn; where that is nothing, it is not."""
    events = (_event(1, "2021-03"), _event(2, "2021-09"), _event(3, "2021-XX-XX"), _event(4, "2022-01-01"))
    keys = [event.key for event in events]
    phases = (Phase(1, keys[0], keys[1]), Phase(2, keys[1], keys[2]), Phase(3, keys[2], keys[3]))
    talk = await _network(database, *events, phases=phases)
    await talk.say("nora", "network", "!netz zeitplan")
    (picture,) = pictures
    (bar,) = [box for box in picture.bars if box.role.startswith("phase")]
    first, second = (mark.box for mark in picture.marks[:2])
    assert (bar.left, bar.right + 3) == (pytest.approx(first.right, abs=0.2), pytest.approx(second.left, abs=0.2))


@pytest.mark.parametrize(
    ("shown", "titles"), [(date(2020, 1, 1), "1–12"), (date(2020, 7, 1), "25–36"), (date(2021, 7, 1), "49–60")]
)
async def test_sixty_events(database: Database, pictures: list[Drawing], shown: date, titles: str) -> None:
    """What is nearest is drawn, and it is said that there is more."""
    begin = date(2020, 1, 5)
    talk = await _network(database, *(_event(n + 1, str(begin + timedelta(days=7 * n))) for n in range(60)))
    talk.clock.shown = datetime(shown.year, shown.month, shown.day, 12, tzinfo=ZONE)
    await talk.say("nora", "network", "!netz zeitplan")
    (picture,) = pictures
    found = [title.removeprefix("✓ ").removesuffix(". Werkstatt") for title in _labels(picture, "title")]
    assert f"{found[0]}–{found[-1]}" == titles
    assert len(found) == 12
    assert _labels(picture, "key")[-1] == "48 Veranstaltungen sind nicht im Bild. Alle Termine in Worten zeigt: !netz programm"
    assert picture.height < 1700


async def test_after_the_programme(netz: Conversation) -> None:
    netz.clock.shown = datetime(2023, 2, 1, tzinfo=ZONE)
    (answer,) = await netz.say("nora", "network", "!netz zeitplan")
    assert answer == _image(
        "network",
        "Der Zeitplan des Netzwerks, Stand 1. Februar 2023.",
        "",
        "Es steht nichts mehr an.",
        "",
        "Alle Termine in Worten zeigt: !netz programm",
    )


async def test_a_picture_is_drawn_once_a_day(netz: Conversation) -> None:
    """Drawing stops everything for a tenth of a second: who asks again gets the same."""
    drawing.png.cache_clear()
    for person, place in (("nora", "network"), ("anke", "lab:bremen"), ("karla", "coordination")):
        await netz.say(person, place, "!netz zeitplan")
    assert drawing.png.cache_info().misses == 1


async def test_who_is_not_in_the_network_gets_no_picture(netz: Conversation) -> None:
    (answer,) = await netz.say("xaver", "direct", "!netz zeitplan")
    assert (answer.how, netz.files) == ("notice", {})


async def test_very_long_names(database: Database) -> None:
    events = tuple(_event(n, f"2021-0{n}-15", place="Ort " * 50) for n in range(1, 7))
    long = tuple(Event(e.key, e.kind, "Wort" * 50, e.when, e.number, e.place) for e in events)
    talk = await _network(database, *long)
    await talk.say("nora", "network", "!netz zeitplan")
    assert [file.data[:8] for file in talk.files.values()] == [PNG]


@command("datei", "file", needs=Role.MEMBER)
async def _file_of_a_lab(_ctx: Context) -> Reply:
    """Gibt eine Datei, die nur das Labor Bremen angeht."""
    file = Attachment("bremen.ics", "text/calendar", b"BEGIN:VCALENDAR")
    return Reply(template("<p>Termine</p>"), audience=lab_audience("bremen"), attachment=file)


async def test_a_file_goes_where_its_words_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab's own file is not shown to the network, even if somebody of that lab asks there."""
    own = conversation.registry()
    monkeypatch.setattr(conversation, "registry", lambda: Registry((*own.commands, _file_of_a_lab), own.reactions))
    talk = await Conversation.begin(database, {"network": ["anke"], "lab:bremen": ["anke"]})
    assert await talk.say("anke", "network", "!netz datei") == [
        Said("lab:bremen", "file", "Antwort für @anke:example.org:\n\nTermine"),
        notice("network", "Das gehört nicht in diesen Raum; die Antwort steht in »Labor Bremen und Region«."),
    ]
    answer, hint = talk.written
    assert list(talk.files) == [answer.key]
    assert (answer.content["info"], answer.content["m.mentions"]) == (
        {"mimetype": "text/calendar", "size": 15},
        {"user_ids": ["@anke:example.org"]},
    )
    assert not {"filename", "info"} & set(hint.content)
