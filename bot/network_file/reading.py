"""The data file: TOML that a coordinator writes, read into a `Network`, or every mistake in it at once, with lines."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast
from zoneinfo import available_timezones

from bot.domain.labs import Lab, Partner
from bot.domain.network import Network, Series
from bot.domain.programme import Event, Phase
from bot.domain.reports import RESEARCH, OwedBy, Report
from bot.errors import Text, text
from bot.network_file import toml_lines
from bot.network_file.toml_errors import explain
from bot.network_file.toml_tables import FileMistakes, Mistake, Mistakes, Once, Table, shown
from bot.rendering.states import state_names

LANGUAGES = ("de", "en")
EVENT_KINDS = ("workshop", "conference")
# ISO 3166-2:DE
STATES = tuple(f"DE-{land}" for land in "BB BE BW BY HB HE HH MV NI NW RP SH SL SN ST TH".split())

LONGEST_FILE = 2_000_000  # bytes; the first network's file has 7,000
LONGEST_QUESTION = 500

_PARTNER_KIND = re.compile(r"[a-z]+(_[a-z]+)*")


def read_network_file(file: Path) -> Network:
    """Return the network that `file` describes. Raises `FileMistakes`, also for a file that cannot be read."""
    try:
        with file.open("rb") as stream:
            content = stream.read(LONGEST_FILE + 1)
    except FileNotFoundError:
        raise _whole(text("Diese Datei gibt es nicht.")) from None
    except IsADirectoryError:
        raise _whole(text("Das ist ein Ordner, keine Datei.")) from None
    except OSError as error:
        raise _whole(text("Die Datei lässt sich nicht lesen: %(reason)s.", reason=error.strerror)) from error
    return read_network(_decode(content))


def _whole(message: Text) -> FileMistakes:
    return FileMistakes([Mistake(0, message)])


def _decode(content: bytes) -> str:
    """Return the text of a file. Raises `FileMistakes` if it is not UTF-8 or too long."""
    if len(content) > LONGEST_FILE:
        raise _whole(text("Die Datei ist zu groß; höchstens %(most)s Bytes sind erlaubt.", most=LONGEST_FILE))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = text("Hier steht ein Zeichen, das nicht als UTF-8 gespeichert ist. Bitte die Datei als UTF-8 speichern.")
        raise FileMistakes([Mistake(line, message)]) from error


def read_network(source: str) -> Network:
    """Return the network that a data file's text describes, phases by their numbers, all else in the order of the file.

    Raises `FileMistakes` with everything that is wrong with it; TOML that cannot be read at all is one mistake.
    """
    source = source.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        found = toml_lines.tokens(source)
        data = cast("dict[str, object]", tomllib.loads(source))
    except toml_lines.TooIntricate as error:
        many, long = text("Bis hierher sind es schon zu viele Angaben."), text("Diese Zeile ist zu verschachtelt oder zu lang.")
        raise FileMistakes([Mistake(error.line, many if error.many else long)]) from error
    except tomllib.TOMLDecodeError as error:
        line, message = explain(str(error), source, toml_lines.tokens(source))
        raise FileMistakes([Mistake(line, message)]) from error
    if not data:
        raise FileMistakes([Mistake(1, text("Die Datei ist leer. Mindestens [network] und ein [[labs]] gehören hinein."))])
    mistakes = Mistakes(toml_lines.locate(found))
    network = _network(Table(data, (), mistakes))
    mistakes.raise_any()
    return network


def _network(root: Table) -> Network:
    about = root.table("network", "[network]")
    labs = tuple(_labs(root))
    events = _events(root)
    phases = sorted(_phases(root, events), key=lambda phase: phase.number)
    series = tuple(_series(root, events))
    reflection = tuple(_questions(root))
    network = _about(about) if about else Network("", "", "")
    root.done()
    return replace(network, labs=labs, events=tuple(events.values()), phases=tuple(phases), series=series, reflection=reflection)


def _about(about: Table) -> Network:
    """Return what the table `[network]` says, without labs and all else."""
    network = Network(
        about.title("name", 'name = "Regionale Labore"'),
        _timezone(about),
        about.choice("language", LANGUAGES, 'language = "de"'),
        topics=about.titles("topics"),
    )
    if totals := about.table("totals"):
        for key in totals.values:
            totals.count(key)
    about.done()
    return network


def _timezone(about: Table) -> str:
    zone = about.title("timezone", 'timezone = "Europe/Berlin"')
    if not zone or zone in (known := available_timezones()):
        return zone
    if guess := about.mistakes.guess(zone, sorted(known)):
        about.wrong(
            "timezone",
            text("Die Zeitzone »%(zone)s« gibt es nicht. Meintest du »%(guess)s«?", zone=shown(zone), guess=guess),
        )
    else:
        about.wrong(
            "timezone",
            text("Die Zeitzone »%(zone)s« gibt es nicht. Richtig wäre zum Beispiel Europe/Berlin.", zone=shown(zone)),
        )
    return zone


def _labs(root: Table) -> Iterator[Lab]:
    tables = root.tables("labs", "[[labs]]")
    if not tables and root.values.get("labs") == []:
        root.wrong("labs", text("Ein Netz braucht mindestens ein Labor: einen Abschnitt, der mit [[labs]] beginnt."))
    keys = Once()
    for table in tables:
        key = table.key('key = "bremen"')
        keys.check(table, "key", key)
        if key == RESEARCH:
            table.wrong(
                "key",
                text("»%(key)s« heißt schon das Forschungsteam; ein Labor braucht einen anderen Schlüssel.", key=key),
            )
        yield Lab(
            key,
            table.title("name", 'name = "Bremen und Region"'),
            _state(table),
            table.titles("municipalities"),
            tuple(_partners(table)),
            table.titles("topics"),
        )
        table.done()


def _state(lab: Table) -> str:
    state = lab.title("state", 'state = "DE-HB"')
    if not state or state in STATES:
        return state
    by_name = {name: code for code in STATES for name in state_names(code) if name != code}
    guess = by_name.get(lab.mistakes.guess(state, by_name) or "") or next((code for code in STATES if code == state.upper()), None)
    if guess:
        message = text("Das Land »%(state)s« kenne ich nicht. Meintest du %(code)s?", state=shown(state), code=guess)
    else:
        message = text(
            "Das Land »%(state)s« kenne ich nicht. Richtig wäre ein Kürzel wie DE-HE für Hessen (ISO 3166-2).",
            state=shown(state),
        )
    lab.wrong("state", message)
    return state


def _partners(lab: Table) -> Iterator[Partner]:
    for table in lab.tables("partners"):
        kind = table.title("kind", 'kind = "civil_society"')
        if kind and not _PARTNER_KIND.fullmatch(kind):
            message = text(
                "Die Art »%(kind)s« darf nur aus den Buchstaben a bis z und einzelnen Unterstrichen bestehen,"
                ' zum Beispiel kind = "civil_society"',
                kind=shown(kind),
            )
            table.wrong("kind", message)
        yield Partner(table.title("name", 'name = "Hochschule Rhein-Waal"'), kind)
        table.done()


def _events(root: Table) -> dict[str, Event]:
    events: dict[str, Event] = {}
    keys, numbers = Once(), {kind: Once() for kind in EVENT_KINDS}
    for table in root.tables("events"):
        register_by = table.maybe_day("register_by")
        event = Event(
            table.key('key = "workshop-1"'),
            table.choice("kind", EVENT_KINDS, 'kind = "workshop"'),
            table.title("title", 'title = "1. Netzwerk-Workshop"'),
            table.date("when", 'when = "2020-06-15/2020-06-16"'),
            table.maybe_number("number"),
            table.maybe_title("place", 'place = "Merzenich"'),
            table.flag("online"),
            register_by=register_by.first if register_by else None,
        )
        _check_registration(table, event)
        keys.check(table, "key", event.key)
        numbers[event.kind].check(table, "number", event.number)
        table.done()
        events[event.key] = event
    return events


def _check_registration(table: Table, event: Event) -> None:
    """Note where one could register for an event that is over."""
    if event.register_by and event.when.edtf and event.register_by > event.when.last:
        table.wrong("register_by", text("Die Anmeldung endet erst nach der Veranstaltung (%(when)s).", when=event.when.edtf))


def _phases(root: Table, events: dict[str, Event]) -> Iterator[Phase]:
    numbers = Once()
    for table in root.tables("phases"):
        phase = Phase(
            table.number("number"),
            table.title("after", 'after = "workshop-1"'),
            table.title("before", 'before = "workshop-2"'),
        )
        numbers.check(table, "number", phase.number)
        _check_span(table, phase, events)
        table.done()
        yield phase


def _check_span(table: Table, phase: Phase, events: dict[str, Event]) -> None:
    """Note where a phase names no event, or surely has no day between its two."""
    for key, name in (("after", phase.after), ("before", phase.before)):
        if name and name not in events:
            table.wrong(key, _no_event(table, name, events))
    after, before = events.get(phase.after), events.get(phase.before)
    if not after or not before:
        return
    if after is before:
        table.wrong("before", text("Die Phase beginnt und endet mit derselben Veranstaltung »%(key)s«.", key=shown(after.key)))
        return
    ended = after.when.last if after.when.exact else after.when.first
    begins = before.when.first if before.when.exact else before.when.last
    if begins - ended < timedelta(days=2):
        message = text(
            "Zwischen »%(after)s« (%(after_date)s) und »%(before)s« (%(before_date)s) liegt kein Tag für diese Phase.",
            after=shown(after.key),
            after_date=after.when.edtf,
            before=shown(before.key),
            before_date=before.when.edtf,
        )
        table.wrong("before", message)


def _no_event(table: Table, name: str, events: dict[str, Event]) -> Text:
    if guess := table.mistakes.guess(name, events):
        return text("Die Veranstaltung »%(key)s« gibt es nicht. Meintest du »%(guess)s«?", key=shown(name), guess=guess)
    return text("Die Veranstaltung »%(key)s« gibt es nicht. Gemeint ist der »key« eines Abschnitts [[events]].", key=shown(name))


def _series(root: Table, events: dict[str, Event]) -> Iterator[Series]:
    keys, report_keys = Once(), Once()
    for table in root.tables("report_series"):
        key = table.key('key = "labor"')
        keys.check(table, "key", key)
        title = table.title("title", 'title = "Berichte der Labore"')
        owed_by = OwedBy(table.choice("owed_by", tuple(OwedBy), 'owed_by = "lab"'))
        reports: list[Report] = []
        for entry in table.tables("reports", 'reports = [{ key = "labor-1", title = "Sachstandsbericht 1", due = "2020-10-30" }]'):
            report = _report(entry, Series(key, title, owed_by, ()))
            report_keys.check(entry, "key", report.key)
            if report.key in events:
                entry.wrong(
                    "key",
                    text(
                        "»%(key)s« heißt schon eine Veranstaltung; ein Bericht braucht einen anderen Schlüssel.",
                        key=shown(report.key),
                    ),
                )
            reports.append(report)
        table.done()
        yield Series(key, title, owed_by, tuple(reports))


def _report(table: Table, series: Series) -> Report:
    report = Report(
        table.key('key = "labor-1"'),
        series.key,
        series.title,
        series.owed_by,
        table.title("title", 'title = "Sachstandsbericht 1"'),
        table.date("due", 'due = "2020-10-30"'),
    )
    table.done()
    return report


def _questions(root: Table) -> Iterator[str]:
    for table in root.tables("reflection"):
        yield table.title("question", 'question = "Wie gelingt die Umsetzung?"', most=LONGEST_QUESTION)
        table.done()
