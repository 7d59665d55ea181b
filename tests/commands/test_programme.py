"""The programme, one workshop, the current phase: through the years of the network."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from bot.db.engine import Database
from tests.commands.conftest import PEOPLE
from tests.conversation import ZONE, Conversation, example_network, notice


async def test_the_programme(netz: Conversation) -> None:
    assert await netz.say("nora", "network", "!netz programm") == [
        notice(
            "network",
            "Als Nächstes: 2. Netzwerk-Workshop, 24.–27. November 2020, online (in 43 Tagen)",
            "",
            "Wir sind in Phase 1.",
            "",
            "• ✓ 1. Netzwerk-Workshop, 15.–16. Juni 2020, online",
            "• 2. Netzwerk-Workshop, 24.–27. November 2020, online",
            "• 3. Netzwerk-Workshop, 16.–17. März 2021",
            "• Netzwerk-Tagung zur Bilanz des 2. Nationalen Aktionsplans, 15.–16. Juni 2021",
            "• 4. Netzwerk-Workshop, 30. September – 1. Oktober 2021, Merzenich",
            "• 5. Netzwerk-Workshop, Februar 2022",
            "• 6. Netzwerk-Workshop, September 2022",
            "• Abschlusskonferenz, Dezember 2022",
        )
    ]


@pytest.mark.parametrize(
    ("now", "first_line"),
    [
        ((2020, 1, 2), "Als Nächstes: 1. Netzwerk-Workshop, 15.–16. Juni 2020, online (in 165 Tagen)"),
        ((2020, 6, 14, 23, 30), "Als Nächstes: 1. Netzwerk-Workshop, 15.–16. Juni 2020, online (morgen)"),
        ((2020, 6, 15, 0, 30), "Gerade läuft: 1. Netzwerk-Workshop, 15.–16. Juni 2020, online"),
        ((2020, 6, 16), "Gerade läuft: 1. Netzwerk-Workshop, 15.–16. Juni 2020, online"),
        ((2020, 6, 17), "Als Nächstes: 2. Netzwerk-Workshop, 24.–27. November 2020, online (in 160 Tagen)"),
        ((2022, 1, 10), "Als Nächstes: 5. Netzwerk-Workshop, Februar 2022"),  # nobody counts the days to a month
        ((2022, 2, 10), "Als Nächstes: 5. Netzwerk-Workshop, Februar 2022"),
        ((2023, 1, 1), "• ✓ 1. Netzwerk-Workshop, 15.–16. Juni 2020, online"),
    ],
)
async def test_what_is_next(netz: Conversation, now: tuple[int, ...], first_line: str) -> None:
    """The days are those of the network's time zone, also around midnight."""
    netz.clock.shown = datetime(*now, tzinfo=ZONE)
    (answer,) = await netz.say("nora", "network", "!netz programm")
    assert answer.words.split("\n")[0] == first_line


async def test_a_workshop(netz: Conversation) -> None:
    next_one = notice("network", "2. Netzwerk-Workshop", "24.–27. November 2020, online (in 43 Tagen)")
    assert await netz.say("nora", "network", "!netz workshop") == [next_one]
    assert await netz.say("nora", "network", "!netz workshop 2") == [next_one]
    assert await netz.say("nora", "network", "!netz workshop 1") == [
        notice("network", "1. Netzwerk-Workshop", "15.–16. Juni 2020, online (vorbei)")
    ]
    assert await netz.say("nora", "network", "!netz workshop 4") == [
        notice("network", "4. Netzwerk-Workshop", "30. September – 1. Oktober 2021, Merzenich (in 353 Tagen)")
    ]
    assert await netz.say("nora", "network", "!netz workshop 5") == [
        notice("network", "5. Netzwerk-Workshop", "Februar 2022", "Der Tag steht noch nicht fest.")
    ]
    assert await netz.say("nora", "network", "!netz workshop 9") == [
        notice("network", "Einen Workshop 9 gibt es nicht. Es gibt: 1, 2, 3, 4, 5, 6. Alle Termine zeigt: !netz programm")
    ]


async def test_a_workshop_for_which_one_registers(database: Database) -> None:
    """As long as it has not been; in English, too."""
    found = example_network()
    events = tuple(replace(e, register_by=date(2020, 11, 10)) if e.number == 2 else e for e in found.events)
    netz = await Conversation.begin(database, PEOPLE, replace(found, events=events))
    shown = "2. Netzwerk-Workshop", "24.–27. November 2020, online (in 43 Tagen)"
    assert await netz.say("nora", "network", "!netz workshop 2") == [
        notice("network", *shown, "Anmeldung bis Dienstag, 10. November 2020.")
    ]
    netz.clock.shown = datetime(2020, 11, 11, tzinfo=ZONE)
    (answer,) = await netz.say("nora", "network", "!netz workshop 2")
    assert answer.words.split("\n")[2] == "Die Anmeldung war bis Dienstag, 10. November 2020 möglich."
    await netz.say("nora", "network", "!netz sprache en")
    netz.clock.shown = datetime(2020, 11, 10, 23, tzinfo=ZONE)
    (answer,) = await netz.say("nora", "network", "!netz workshop 2")
    assert answer.words.split("\n")[2] == "Register by Tuesday, 10 November 2020."
    netz.clock.shown = datetime(2020, 11, 28, tzinfo=ZONE)
    (answer,) = await netz.say("nora", "network", "!netz workshop 2")
    assert len(answer.words.split("\n")) == 2


async def test_no_workshop_is_left_although_the_conference_is(netz: Conversation) -> None:
    netz.clock.shown = datetime(2022, 10, 1, tzinfo=ZONE)
    assert await netz.say("nora", "network", "!netz workshop") == [
        notice("network", "Es steht kein Workshop mehr an. Alle Termine zeigt: !netz programm")
    ]


async def test_a_phase_with_a_report_due_in_it(netz: Conversation) -> None:
    assert await netz.say("nora", "network", "!netz phase") == [
        notice(
            "network",
            "Phase 1: 17. Juni 2020 bis 23. November 2020",
            "Danach: 2. Netzwerk-Workshop, 24.–27. November 2020, online",
            "",
            "In dieser Phase fällig:",
            "",
            "• Sachstandsbericht 1 (labor-1), 30. Oktober 2020",
            "• Sachstandsbericht 1 (forschung-1), 30. Oktober 2020",
        )
    ]


async def test_a_phase_with_reports_that_may_fall_into_it(netz: Conversation) -> None:
    netz.clock.shown = datetime(2021, 5, 1, tzinfo=ZONE)
    assert await netz.say("nora", "network", "!netz phase") == [
        notice(
            "network",
            "Phase 3: 18. März 2021 bis 14. Juni 2021",
            "Danach: Netzwerk-Tagung zur Bilanz des 2. Nationalen Aktionsplans, 15.–16. Juni 2021",
            "",
            "In dieser Phase fällig:",
            "",
            "• Sachstandsbericht 3 (forschung-3), April 2021",
            "",
            "Vielleicht auch, der Tag steht noch nicht fest:",
            "",
            "• Sachstandsbericht 2 (labor-2), 2021, Termin noch offen",
            "• Zwischenbericht zum Ende des 2. NAP (forschung-zwischen), Juni 2021",
        )
    ]


async def test_a_phase_whose_days_are_not_fixed(netz: Conversation) -> None:
    """Nothing invents a day: where the event has only a month, the phase is told by its events."""
    netz.clock.shown = datetime(2022, 5, 1, tzinfo=ZONE)
    (answer,) = await netz.say("nora", "network", "!netz phase")
    assert answer.words.split("\n")[:3] == [
        "Phase 6",
        "Davor: 5. Netzwerk-Workshop, Februar 2022",
        "Danach: 6. Netzwerk-Workshop, September 2022",
    ]


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        (
            (2020, 11, 25),
            (
                "Wir sind gerade zwischen zwei Phasen. Als Nächstes kommt: 2. Netzwerk-Workshop, 24.–27. November 2020, online."
                " Danach beginnt Phase 2."
            ),
        ),
        (
            (2020, 1, 2),
            (
                "Noch hat keine Phase begonnen. Als Nächstes kommt: 1. Netzwerk-Workshop, 15.–16. Juni 2020, online."
                " Danach beginnt Phase 1."
            ),
        ),
        (
            (2022, 2, 10),
            "Wir sind gerade zwischen zwei Phasen. Als Nächstes kommt: 5. Netzwerk-Workshop, Februar 2022. Danach beginnt Phase 6.",
        ),
        ((2022, 12, 24), "Alle Phasen sind vorbei."),
    ],
)
async def test_no_phase(netz: Conversation, now: tuple[int, int, int], answer: str) -> None:
    netz.clock.shown = datetime(*now, tzinfo=ZONE)
    assert await netz.say("nora", "network", "!netz phase") == [notice("network", answer)]
