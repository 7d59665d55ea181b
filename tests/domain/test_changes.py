"""What differs between two networks, and how it is told."""

from dataclasses import replace
from datetime import date

from bot.domain.changes import Change, FieldChange, Kind, Noun, compare, told
from bot.domain.dates import PartialDate
from bot.domain.labs import Lab, Partner
from bot.domain.network import Network, Series
from bot.domain.programme import Event, Phase
from bot.domain.reports import OwedBy, Report
from bot.rendering import catalogue

BREMEN = Lab("bremen", "Bremen und Region", "DE-HB", topics=("Transparenz",))
OBERRHEIN = Lab("oberrhein", "Region Oberrhein", "DE-BW")
WORKSHOP = Event("workshop-1", "workshop", "1. Workshop", PartialDate.parse("2022-02"), 1)
CLOSING = Event("abschluss", "conference", "Abschlusskonferenz", PartialDate.parse("2022-12"))
REPORT = Report("labor-1", "labor", "Berichte", OwedBy.LAB, "Sachstandsbericht 1", PartialDate.parse("2020-10-30"))
NETWORK = Network(
    "Netz",
    "Europe/Berlin",
    "de",
    labs=(BREMEN, OBERRHEIN),
    events=(WORKSHOP, CLOSING),
    phases=(Phase(1, "workshop-1", "abschluss"),),
    series=(Series("labor", "Berichte", OwedBy.LAB, (REPORT,)),),
    topics=("Transparenz", "Innovation"),
)


def lines(old: Network | None, new: Network) -> list[str]:
    return [catalogue("de").say(line) for line in told(compare(old, new))]


def test_the_same() -> None:
    assert compare(NETWORK, NETWORK) == []


def test_a_cancelled_event_is_the_chat_s_business() -> None:
    """The file does not say whether an event is cancelled, so it cannot differ in it."""
    assert compare(replace(NETWORK, events=(replace(WORKSHOP, cancelled=True), CLOSING)), NETWORK) == []


def test_one_field() -> None:
    fixed = replace(CLOSING, when=PartialDate.parse("2022-12-01"))
    new = replace(NETWORK, events=(WORKSHOP, fixed))
    field = FieldChange("when", PartialDate.parse("2022-12"), PartialDate.parse("2022-12-01"))
    assert compare(NETWORK, new) == [Change(Kind.CHANGED, Noun.EVENT, "abschluss", "Abschlusskonferenz", (field,))]
    assert lines(NETWORK, new) == ["~ Veranstaltung »Abschlusskonferenz« (abschluss): Termin 2022-12 → 2022-12-01"]
    closes = replace(NETWORK, events=(WORKSHOP, replace(CLOSING, register_by=date(2022, 11, 22))))
    assert lines(NETWORK, closes) == ["~ Veranstaltung »Abschlusskonferenz« (abschluss): Anmeldung bis – → 2022-11-22"]


def test_the_first_import() -> None:
    assert lines(None, NETWORK) == [
        "+ Netz »Netz«",
        "+ Labor »Bremen und Region« (bremen)",
        "+ Labor »Region Oberrhein« (oberrhein)",
        "+ Veranstaltung »1. Workshop« (workshop-1)",
        "+ Veranstaltung »Abschlusskonferenz« (abschluss)",
        "+ Phase 1",
        "+ Berichtsreihe »Berichte« (labor)",
        "+ Bericht »Sachstandsbericht 1« (labor-1)",
    ]


def test_everything_at_once() -> None:
    new = Network(
        "Neues Netz",
        "Europe/Vienna",
        "en",
        labs=(OBERRHEIN, replace(BREMEN, name="Bremen", partners=(Partner("Uni", "university"),), topics=("Energie",))),
        events=(replace(CLOSING, place="Berlin", online=True), replace(WORKSHOP, number=None)),
        phases=(Phase(1, "abschluss", "workshop-1"), Phase(2, "workshop-1", "abschluss")),
        series=(
            Series("alle", "Alle", OwedBy.RESEARCH, (replace(REPORT, series="alle"),)),
            Series("labor", "Berichte der Labore", OwedBy.RESEARCH, ()),
        ),
        topics=("Innovation", "Transparenz"),
        reflection=("Wie?",),
    )
    assert lines(NETWORK, new) == [
        "~ Netz: Name Netz → Neues Netz",
        "~ Netz: Zeitzone Europe/Berlin → Europe/Vienna",
        "~ Netz: Sprache de → en",
        "~ Netz: Themen in anderer Reihenfolge",
        "~ Netz: Reflexionsfragen + Wie?",
        "~ Labor »Bremen« (bremen): Name Bremen und Region → Bremen",
        "~ Labor »Bremen« (bremen): Partner + Uni (university)",
        "~ Labor »Bremen« (bremen): Themen + Energie, - Transparenz",
        "~ Reihenfolge der Labore",
        "~ Veranstaltung »Abschlusskonferenz« (abschluss): Ort – → Berlin",
        "~ Veranstaltung »Abschlusskonferenz« (abschluss): online nein → ja",
        "~ Veranstaltung »1. Workshop« (workshop-1): Nummer 1 → –",
        "~ Reihenfolge der Veranstaltungen",
        "~ Phase 1: nach workshop-1 → abschluss",
        "~ Phase 1: vor abschluss → workshop-1",
        "+ Phase 2",
        "+ Berichtsreihe »Alle« (alle)",
        "~ Berichtsreihe »Berichte der Labore« (labor): Titel Berichte → Berichte der Labore",
        "~ Berichtsreihe »Berichte der Labore« (labor): geschuldet von lab → research",
        "~ Bericht »Sachstandsbericht 1« (labor-1): Reihe labor → alle",
    ]


def test_removed() -> None:
    """What comes and goes does not by itself change the order of the rest."""
    hessen = Lab("bergstrasse", "Bergstraße", "DE-HE")
    new = replace(NETWORK, labs=(hessen, OBERRHEIN), phases=(), series=())
    assert lines(NETWORK, new) == [
        "+ Labor »Bergstraße« (bergstrasse)",
        "- Labor »Bremen und Region« (bremen)",
        "- Phase 1",
        "- Berichtsreihe »Berichte« (labor)",
        "- Bericht »Sachstandsbericht 1« (labor-1)",
    ]
