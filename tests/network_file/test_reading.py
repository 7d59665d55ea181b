"""The data file: what it says, and every mistake in it at once, with its line, in a coordinator's words."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.dates import PartialDate
from bot.domain.labs import Lab, Partner
from bot.domain.network import Network, Series
from bot.domain.programme import Event, Phase
from bot.domain.reports import OwedBy, Report
from bot.errors import text
from bot.network_file import FileMistakes, Mistake, read_network, read_network_file
from bot.rendering import catalogue

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "regogl.toml"

ABOUT = """[network]
name = "Netz"
timezone = "Europe/Berlin"
language = "de"
"""
LAB = """[[labs]]
key = "bremen"
name = "Bremen"
state = "DE-HB"
"""
EVENT = """[[events]]
key = "w1"
kind = "workshop"
title = "Workshop"
when = "2021"
"""
MINIMAL = ABOUT + LAB


def mistakes(source: str) -> list[tuple[int, str]]:
    with pytest.raises(FileMistakes) as caught:
        read_network(source)
    return [(mistake.line, catalogue("de").say(mistake.text)) for mistake in caught.value.mistakes]


def test_everything_that_a_file_can_say() -> None:
    read = read_network(
        ABOUT
        + """totals = { labs = 1, states = 0 }
topics = ["Transparenz", " Open Data "]
[[labs]]
key = "bremen"
name = "Bremen"
state = "DE-HB"
municipalities = []
partners = [{ name = "Hochschule Rhein-Waal", kind = "university_of_applied_sciences" }]
topics = ["Energie"]
[[events]]
key = "workshop-1"
kind = "workshop"
title = "1. Workshop"
when = "2020-06-15/2020-06-16"
number = 1
place = "Merzenich"
online = true
[[events]]
key = "abschluss"
kind = "conference"
title = "Abschluss"
when = 2022-12-01
register_by = 2022-11-22
[[phases]]
number = 2
after = "workshop-1"
before = "abschluss"
[[phases]]
number = 1
after = "workshop-1"
before = "abschluss"
[[report_series]]
key = "labor"
title = "Berichte"
owed_by = "research"
reports = [{ key = "labor-1", title = "Bericht", due = "2021-XX-XX" }]
[[reflection]]
question = "Wie?"
"""
    )
    assert read == Network(
        "Netz",
        "Europe/Berlin",
        "de",
        (
            Lab(
                "bremen", "Bremen", "DE-HB", (), (Partner("Hochschule Rhein-Waal", "university_of_applied_sciences"),), ("Energie",)
            ),
        ),
        (
            Event("workshop-1", "workshop", "1. Workshop", PartialDate.parse("2020-06-15/2020-06-16"), 1, "Merzenich", online=True),
            Event("abschluss", "conference", "Abschluss", PartialDate.day(date(2022, 12, 1)), register_by=date(2022, 11, 22)),
        ),
        (Phase(1, "workshop-1", "abschluss"), Phase(2, "workshop-1", "abschluss")),
        (
            Series(
                "labor",
                "Berichte",
                OwedBy.RESEARCH,
                (Report("labor-1", "labor", "Berichte", OwedBy.RESEARCH, "Bericht", PartialDate.parse("2021-XX-XX")),),
            ),
        ),
        ("Transparenz", "Open Data"),
        ("Wie?",),
    )


def test_the_example_is_right() -> None:
    read = read_network_file(EXAMPLE)
    counted = [len(read.labs), len(read.events), len(read.phases), *(len(series.reports) for series in read.series)]
    assert counted == [13, 8, 7, 3, 9]


@pytest.mark.parametrize("source", ["\ufeff" + MINIMAL, MINIMAL.replace("\n", "\r\n"), MINIMAL.rstrip()])
def test_what_editors_do_to_a_file(source: str) -> None:
    """A byte order mark, Windows line ends and a missing last one are no mistakes."""
    assert read_network(source) == read_network(MINIMAL)


def test_names_are_compared_in_one_spelling() -> None:
    """macOS writes "ü" as two characters; whether a name changed must not depend on it."""
    assert read_network(ABOUT + LAB.replace('"Bremen"', '"Mu\u0308nchen"')).labs[0].name == "M\u00fcnchen"


BAD_KEY = (
    "Der Schlüssel »Bremen« darf nur aus den Buchstaben a bis z, Ziffern und einzelnen Bindestrichen dazwischen bestehen,"
    ' zum Beispiel key = "bremen"'
)


def test_every_mistake_at_once() -> None:
    assert mistakes(
        """[network]
nam = "Netz"
timezone = "Europa/Berlin"
language = "fr"
topics = ["a", "A", 1]
totals = { labs = -1 }
[[labs]]
key = "Bremen"
name = " "
state = "Hessen"
partners = [{ name = "Uni" }]
[[events]]
key = "w1"
kind = "workshp"
title = 3
when = "2020-02-31"
"""
    ) == [
        (1, 'Hier fehlt »name«, zum Beispiel name = "Regionale Labore"'),
        (2, "Die Angabe »nam« kenne ich hier nicht. Meintest du »name«?"),
        (3, "Die Zeitzone »Europa/Berlin« gibt es nicht. Meintest du »Europe/Berlin«?"),
        (4, "»fr« kenne ich als »language« nicht. Möglich: de, en."),
        (5, "»A« steht in »topics« zweimal."),
        (5, 'Zu »topics« gehört eine Liste von Texten, zum Beispiel topics = ["…", "…"]; hier steht eine Zahl.'),
        (6, "»labs« muss zwischen 0 und 1000000 liegen."),
        (8, BAD_KEY),
        (9, "»name« darf nicht leer sein."),
        (10, "Das Land »Hessen« kenne ich nicht. Meintest du DE-HE?"),
        (11, 'Hier fehlt »kind«, zum Beispiel kind = "civil_society"'),
        (14, "»workshp« kenne ich als »kind« nicht. Meintest du »workshop«?"),
        (15, 'Zu »title« gehört ein Text in Anführungszeichen, zum Beispiel title = "1. Netzwerk-Workshop"; hier steht eine Zahl.'),
        (16, "Der Termin »2020-02-31« ist kein Datum: Den Tag 2020-02-31 gibt es nicht."),
    ]


NO_DATE = (
    "Der Termin »%s« ist kein Datum. Richtig wäre zum Beispiel 2020-10-30 (Tag), 2020-06-15/2020-06-16 (von/bis), 2022-02 (Monat),"
    " 2022-34 (2. Quartal), 2022 (Jahr) oder 2021-XX-XX (noch offen)."
)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("XX", NO_DATE % "XX"),
        ("2022-13", NO_DATE % "2022-13"),
        ("٢٠٢٢", NO_DATE % "٢٠٢٢"),  # digits, but not EDTF's
        ("9999", NO_DATE % "9999"),
        ("30.10.2020", "Den Termin »30.10.2020« bitte so schreiben: 2020-10-30, also Jahr-Monat-Tag."),
        (
            "2020-10-30/2020-10-29",
            "Der Termin »2020-10-30/2020-10-29« endet nicht nach seinem Anfang. Ein einzelner Tag steht ohne Schrägstrich.",
        ),
        ("2020-10-30/2020-10-32", "Der Termin »2020-10-30/2020-10-32« ist kein Datum: Den Tag 2020-10-32 gibt es nicht."),
        ("0202-10-30", "Der Termin »0202-10-30« ist kein Datum: Den Tag 0202-10-30 gibt es nicht."),
    ],
)
def test_dates(when: str, message: str) -> None:
    assert mistakes(MINIMAL + EVENT.replace("2021", when)) == [(13, message)]


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ('"2021-11"', '»register_by« muss ein Tag sein, zum Beispiel register_by = "2022-11-22"'),
        ("2022-01-01", "Die Anmeldung endet erst nach der Veranstaltung (2021)."),
        ('"bald"', NO_DATE % "bald"),
    ],
)
def test_the_last_day_to_register(day: str, message: str) -> None:
    """A day, and not after the event."""
    assert mistakes(MINIMAL + EVENT + f"register_by = {day}\n") == [(14, message)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a\\u202eb", "»name« enthält das unsichtbare Zeichen U+202E. Bitte neu eintippen."),
        ("a\\u0000b", "»name« enthält das unsichtbare Zeichen U+0000. Bitte neu eintippen."),
        ("a\\nb", "»name« darf keinen Zeilenumbruch enthalten."),
        ("\\u00a0", "»name« darf nicht leer sein."),
        ("a" * 201, "»name« ist zu lang: 201 Zeichen, höchstens 200."),
    ],
)
def test_names(name: str, message: str) -> None:
    assert mistakes(ABOUT + LAB.replace('"Bremen"', f'"{name}"')) == [(7, message)]


@pytest.mark.parametrize(
    ("state", "right"),
    [
        ("Hessen", "DE-HE"),
        ("Thueringen", "DE-TH"),
        ("bavaria", "DE-BY"),
        ("HB", "DE-HB"),
        ("de-sn", "DE-SN"),
        ("DE-XY", None),
        ("Tirol", None),
    ],
)
def test_states(state: str, right: str | None) -> None:
    advice = f"Meintest du {right}?" if right else "Richtig wäre ein Kürzel wie DE-HE für Hessen (ISO 3166-2)."
    assert mistakes(ABOUT + LAB.replace("DE-HB", state)) == [(8, f"Das Land »{state}« kenne ich nicht. {advice}")]


@pytest.mark.parametrize("key", ["-a", "a-", "a--b", "a b", "ä", "a_b", "A"])
def test_keys(key: str) -> None:
    assert [line for line, _ in mistakes(ABOUT + LAB.replace("bremen", key))] == [6]


def test_each_key_and_number_once() -> None:
    reports = """[[report_series]]
key = "r"
title = "Reihe"
owed_by = "lab"
reports = [{ key = "b", title = "B", due = "2021" }, { key = "w1", title = "B", due = "2021" }]
"""
    event = EVENT + "number = 1\n"
    phase = '[[phases]]\nnumber = 1\nafter = "w1"\nbefore = "w2"\n'
    events = event + event + EVENT.replace("w1", "w2")
    assert mistakes(ABOUT + LAB + LAB + events + phase + phase + reports + reports) == [
        (10, "»bremen« steht schon in Zeile 6 und darf nur einmal vorkommen."),
        (20, "»w1« steht schon in Zeile 14 und darf nur einmal vorkommen."),
        (24, "»1« steht schon in Zeile 18 und darf nur einmal vorkommen."),
        (35, "»1« steht schon in Zeile 31 und darf nur einmal vorkommen."),
        (42, "»w1« heißt schon eine Veranstaltung; ein Bericht braucht einen anderen Schlüssel."),
        (44, "»r« steht schon in Zeile 39 und darf nur einmal vorkommen."),
        (47, "»b« steht schon in Zeile 42 und darf nur einmal vorkommen."),
        (47, "»w1« steht schon in Zeile 42 und darf nur einmal vorkommen."),
        (47, "»w1« heißt schon eine Veranstaltung; ein Bericht braucht einen anderen Schlüssel."),
    ]


@pytest.mark.parametrize(
    ("first", "second", "right"),
    [
        ("2021-03-01/2021-03-02", "2021-03-04", True),
        ("2021-03-01/2021-03-02", "2021-03-03", False),  # no day between them
        ("2021-03-04", "2021-03-01", False),
        ("2021-03", "2021-03", True),  # they may lie apart
        ("2021-04", "2021-03", False),
        ("2021-XX-XX", "2021-03", True),
    ],
)
def test_phases_run_forwards(first: str, second: str, *, right: bool) -> None:
    """Only what cannot be right whatever the dates turn out to be is a mistake."""
    phase = '[[phases]]\nnumber = 1\nafter = "w1"\nbefore = "w2"\n'
    source = MINIMAL + EVENT.replace("2021", first) + EVENT.replace("w1", "w2").replace("2021", second) + phase
    message = f"Zwischen »w1« ({first}) und »w2« ({second}) liegt kein Tag für diese Phase."
    if right:
        assert read_network(source).phases == (Phase(1, "w1", "w2"),)
    else:
        assert mistakes(source) == [(22, message)]


def test_phases_name_events() -> None:
    phases = '[[phases]]\nnumber = 1\nafter = "w2"\nbefore = "abc"\n[[phases]]\nnumber = 2\nafter = "w1"\nbefore = "w1"\n'
    assert mistakes(
        MINIMAL + EVENT.replace("w1", "workshop-1") + phases.replace("w2", "workshop1").replace("w1", "workshop-1")
    ) == [
        (16, "Die Veranstaltung »workshop1« gibt es nicht. Meintest du »workshop-1«?"),
        (17, "Die Veranstaltung »abc« gibt es nicht. Gemeint ist der »key« eines Abschnitts [[events]]."),
        (21, "Die Phase beginnt und endet mit derselben Veranstaltung »workshop-1«."),
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("", (1, "Die Datei ist leer. Mindestens [network] und ein [[labs]] gehören hinein.")),
        ("# nichts\n", (1, "Die Datei ist leer. Mindestens [network] und ein [[labs]] gehören hinein.")),
        (ABOUT, (1, "Hier fehlt »labs«, zum Beispiel [[labs]]")),
        ("labs = []\n" + ABOUT, (1, "Ein Netz braucht mindestens ein Labor: einen Abschnitt, der mit [[labs]] beginnt.")),
        (LAB, (1, "Hier fehlt »network«, zum Beispiel [network]")),
        (
            ABOUT + LAB.replace("[[labs]]", "[labs]"),
            (5, "»labs« sind mehrere Abschnitte; jeder beginnt mit [[labs]] in doppelten eckigen Klammern."),
        ),
        (
            LAB + ABOUT.replace("[network]", "[[network]]"),
            (5, "»network« ist ein Abschnitt, der einmal vorkommt und mit [network] beginnt."),
        ),
        (
            ABOUT + LAB.replace("bremen", "research"),
            (6, "»research« heißt schon das Forschungsteam; ein Labor braucht einen anderen Schlüssel."),
        ),
        (MINIMAL + "x = " + "[" * 500, (9, "Diese Zeile ist zu verschachtelt oder zu lang.")),
    ],
)
def test_what_a_file_needs(source: str, found: tuple[int, str]) -> None:
    assert mistakes(source) == [found]


VALUE = 'So kann kein Wert geschrieben sein. Texte und Termine stehen in Anführungszeichen, zum Beispiel name = "Bremen".'
TWICE = "Diese Angabe oder dieser Abschnitt steht hier schon einmal."
UNCLOSED = "Diesem Text fehlt das schließende Anführungszeichen."
LIST = "Diese Liste wird nicht mit ] geschlossen, oder zwischen zwei Einträgen fehlt ein Komma."
GROUP = "Eine Gruppe { … } steht auf einer Zeile: Kommas zwischen den Angaben, keins hinter der letzten, und } am Ende."


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a = 1\nname = Bremen\n", (2, VALUE)),
        ("when = 2022-02", (1, VALUE)),
        ("a = 1\nname = „Bremen“\n", (2, 'Die Anführungszeichen müssen gerade sein: " vorn und hinten.')),
        ("a = 1\na = 2\n\n", (2, TWICE)),
        ("[a]\n[a]\n", (2, TWICE)),
        ('a = "x\nb = 1\n', (1, UNCLOSED)),
        ('a = 1\nb = """x\n\n\n', (2, UNCLOSED)),
        ("a = ['x', 'y\n]\n", (1, UNCLOSED)),
        ('a = [\n "x",\nb = 1\n', (1, LIST)),
        ('a = [\n "x"\n "y" ]\n', (1, LIST)),
        ('a = [\n "x",\n[[labs]]\n', (1, LIST)),
        ("a = [\n x,\n]\n", (2, VALUE)),
        ("a = [\n\n\n", (1, LIST)),
        ("a =\nb = 1\n", (1, VALUE)),
        ("a = { b = 1\n}\n", (1, GROUP)),
        ("a = {\n b = 1 }\n", (1, GROUP)),
        ("a = { b = 1, }\n", (1, GROUP)),
        ("a\n\n", (1, 'Nach dem Namen der Angabe fehlt das Gleichheitszeichen, zum Beispiel name = "Bremen".')),
        ("a = 2020-02-31\n", (1, "Dieses Datum gibt es nicht.")),
        ("[a\n", (1, "Der Titel dieses Abschnitts ist nicht richtig geschlossen, zum Beispiel [network] oder [[labs]].")),
        ("ä = 1\n", (1, 'So kann keine Zeile beginnen. Eine Zeile ist [ein Abschnitt] oder eine Angabe wie name = "Bremen".')),
        ('a = "C:\\dir"\n', (1, "Ein umgekehrter Schrägstrich \\ im Text muss verdoppelt werden: \\\\.")),
        ('a = "\x07"\n', (1, "Hier steht ein unsichtbares Steuerzeichen. Bitte die Zeile neu eintippen.")),
    ],
)
def test_what_is_no_toml(source: str, found: tuple[int, str]) -> None:
    """The line is the one to correct: where a list begins that is not closed, not where tomllib notices."""
    assert mistakes(source) == [found]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (
            b"\n# M\xfcnchen\n",
            Mistake(2, text("Hier steht ein Zeichen, das nicht als UTF-8 gespeichert ist. Bitte die Datei als UTF-8 speichern.")),
        ),
        (b"x" * 2_000_001, Mistake(0, text("Die Datei ist zu groß; höchstens %(most)s Bytes sind erlaubt.", most=2_000_000))),
        (None, Mistake(0, text("Diese Datei gibt es nicht."))),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, found: Mistake) -> None:
    file = tmp_path / "netz.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(FileMistakes) as caught:
        read_network_file(file)
    assert caught.value.mistakes == (found,)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileMistakes) as caught:
        read_network_file(tmp_path)
    assert caught.value.mistakes == (Mistake(0, text("Das ist ein Ordner, keine Datei.")),)


@pytest.mark.timeout(30)  # there is no end
@pytest.mark.parametrize("size", [None, 50_000_000], ids=["without end", "50 MB"])
def test_a_file_is_not_read_whole_to_see_that_it_is_too_large(tmp_path: Path, size: int | None) -> None:
    """Somebody names a device, or the wrong file."""
    file = tmp_path / "netz.toml"
    if size is None:
        file.symlink_to("/dev/zero")
    else:
        with file.open("wb") as stream:
            stream.truncate(size)
    with pytest.raises(FileMistakes) as caught:
        read_network_file(file)
    assert caught.value.told("netz.toml")[0].data["mistake"] == text(
        "Die Datei ist zu groß; höchstens %(most)s Bytes sind erlaubt.", most=2_000_000
    )


def test_mistakes_are_told_with_file_and_line_but_not_thousands() -> None:
    numbered = [Mistake(line, text("Falsch.")) for line in range(53)]
    told = [catalogue("de").say(sentence) for sentence in FileMistakes(reversed(numbered)).told("netz.toml")]
    assert [told[0], told[1], told[49], *told[50:]] == [
        "netz.toml: Falsch.",
        "netz.toml, Zeile 1: Falsch.",
        "netz.toml, Zeile 49: Falsch.",
        "… und noch 3 Fehler.",
    ]


@pytest.mark.timeout(60)  # a second; minutes, if all of it were read
def test_nobody_waits_for_a_file_full_of_mistakes() -> None:
    """A megabyte may hold hundreds of thousands. Reading stops when there are more than anybody will mend one by one."""
    with pytest.raises(FileMistakes) as caught:
        read_network("[[labs]]\n" * 100_000)
    told = [catalogue("de").say(sentence) for sentence in caught.value.told("netz.toml")]
    assert (len(told), told[50:]) == (52, ["… und noch 19950 Fehler.", "Weiter habe ich nicht gelesen: Es sind zu viele Fehler."])


@pytest.mark.parametrize(
    ("source", "line"), [("topics = [" + "1," * 900_000, 1), ("\n" * 1_999_999, 800_001)], ids=["a list", "empty lines"]
)
def test_a_file_with_too_much_in_it(source: str, line: int) -> None:
    """What is small enough as a file can still be more than is worth the memory."""
    with pytest.raises(FileMistakes) as caught:
        read_network(source)
    assert caught.value.mistakes == (Mistake(line, text("Bis hierher sind es schon zu viele Angaben.")),)


@pytest.mark.timeout(60)  # a second; hours, if it took the square of their number
@pytest.mark.parametrize(
    "entries",
    [
        ABOUT + "".join(f'[[labs]]\nkey = "LAB-{i}"\nname = ""\nstatte = "DE-HB"\n' for i in range(5000)),
        MINIMAL
        + "".join(EVENT.replace("w1", f"w{i}") for i in range(4000))
        + "".join(f'[[phases]]\nnumber = {i}\nafter = "x{i}"\nbefore = "y{i}"\n' for i in range(5000)),
        MINIMAL.replace('"Bremen"', '"' + "\u0301" * 300_000 + "\u0323" * 300_000 + '"'),  # combining marks: slow to normalise
    ],
    ids=["labs", "phases", "marks"],
)
def test_many_mistakes_take_little_time(entries: str) -> None:
    assert mistakes(entries)


WORDS = (
    "network labs events phases report_series reflection key name title state when due kind number place online after before"
    " owed_by reports partners topics totals timezone language question"
).split()
VALUES = st.recursive(
    st.sampled_from(["true", "0", "-1", "1e400", "nan", "2020-01-01", "07:32:00", "2020-01-01T00:00:00Z", '"2020-01"', '"a"', '""'])
    | st.integers().map(str)
    | st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="'"), max_size=5).map("'{}'".format),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda entries: f"[{', '.join(entries)}]")
        | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        )
    ),
    max_leaves=8,
)


def outcome(source: str) -> Network | tuple[Mistake, ...]:
    try:
        return read_network(source)
    except FileMistakes as error:
        return error.mistakes


def assert_sane(found: Network | tuple[Mistake, ...], source: str) -> None:
    """A network, or mistakes: at least one, none twice, in order, each in a line of the file, each a finished sentence."""
    if isinstance(found, Network):
        return
    lines = [mistake.line for mistake in found]
    assert lines == sorted(lines)
    assert lines
    assert set(lines) <= set(range(1, source.count("\n") + 2))
    told = [(line, catalogue("de").say(sentence)) for line, sentence in ((m.line, m.text) for m in found)]
    assert len(set(told)) == len(told)
    assert all(sentence.isprintable() for _, sentence in told)


@given(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=6), st.sampled_from(["", "[network]\n", MINIMAL, MINIMAL + EVENT]))
def test_any_values_anywhere(values: dict[str, str], before: str) -> None:
    source = before + "".join(f"{key} = {value}\n" for key, value in values.items())
    assert_sane(outcome(source), source)


@given(st.data())
def test_any_damage_to_a_right_file(data: st.DataObject) -> None:
    right = EXAMPLE.read_text("utf-8")
    start = data.draw(st.integers(0, len(right)))
    end = data.draw(st.integers(start, min(len(right), start + 300)))
    source = right[:start] + data.draw(st.text(max_size=4) | st.sampled_from(['"', "[", "]", "{", "\n", "=", "'''"])) + right[end:]
    assert_sane(outcome(source), source)


@given(st.text())
def test_any_text(source: str) -> None:
    assert_sane(outcome(source), source)
