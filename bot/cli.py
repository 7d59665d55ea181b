"""The command line: `netzwart VERB`. Each verb says what it did in the language of the environment, and by its exit status.

0: done · 1: could not be done now, or was declined · 2: something has to be mended first (configuration, file, database).
"""

import asyncio
import errno
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import typer
from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot import logs
from bot.clock import Clock, ShiftedClock, SystemClock
from bot.config import Config, ConfigMistakes, load_config
from bot.db.engine import Database, connect, reason_of
from bot.db.schema import check_schema, migrate
from bot.errors import DatabaseNotReady, LoginFailed, NetzwartError, StoreInUse, Text, UserError, text
from bot.rendering import catalogue

if TYPE_CHECKING:
    from bot.verbs.device import Terminal


def language(settings: Config | None = None) -> str:
    """Return the language for the terminal: the network's, else that of the environment, else German."""
    if settings is not None:
        return settings.network.language
    for name in ("NETZWART_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name, "")[:2] in ("de", "en"):
            return os.environ[name][:2]
    return "de"


def _t(msgid: str) -> str:
    return catalogue(language()).say(text(msgid))


cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

device = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help=_t("Geräte und Identität des Bots (Cross-Signing): ansehen, beglaubigen, retten."),
)
cli.add_typer(device, name="device")

ConfigPath = Annotated[Path, typer.Option("--config", help=_t("Die Konfigurationsdatei."))]
DEFAULT_CONFIG = Path("config.toml")
DEFAULT_ZONE = "Europe/Berlin"
MEND_FIRST = 2
_DEEPEST = 10_000
"""Frames. Homeservers hand on JSON nested nearly as deep as Python's usual 1,000, which anybody in a room can send."""

_DISK_TROUBLES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
"""Whoever makes room, or mends the disk, need not start us as well."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def main() -> None:
    """Run the command line."""
    sys.setrecursionlimit(_DEEPEST)
    cli()


@cli.command(help=_t("Startet Netzwart, bis er beendet wird."))
def run(
    config: ConfigPath = DEFAULT_CONFIG,
    clock_at: Annotated[
        str | None, typer.Option(help=_t("Diese Zeit zeigen (Vorführung, Prüfung), z. B. 2020-10-12T09:00."))
    ] = None,
    clock_rate: Annotated[float, typer.Option(help=_t("Wievielmal so schnell diese Uhr läuft."))] = 1.0,
) -> None:
    """Run the bot until it is told to stop."""
    from bot import app

    settings = _load(config)
    logs.set_up(settings.log.level, settings.log.format)
    _complete(app.run(settings, _clock(settings, clock_at, clock_rate)))


@cli.command(name="migrate", help=_t("Bringt die Tabellen auf den Stand, den dieses Netzwart braucht."))
def migrate_verb(
    config: ConfigPath = DEFAULT_CONFIG,
    to: Annotated[str, typer.Option(help=_t("Ein Stand, head (der neueste) oder base (keine Tabellen)."))] = "head",
) -> None:
    """Bring the database's tables to the version that this Netzwart needs."""
    settings = _load(config)
    before, after = _complete(_migrate(settings, to))
    say(text("Die Datenbank hatte den Stand %(before)s und hat jetzt %(after)s.", before=before or "–", after=after or "–"))


@cli.command(name="import", help=_t("Zeigt, was eine Datendatei ändern würde, und übernimmt alles oder nichts."))
def import_verb(
    file: Annotated[Path, typer.Argument(help=_t("Die Datendatei des Netzwerks (TOML)."))],
    config: ConfigPath = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help=_t("Ohne Rückfrage übernehmen."))] = False,  # noqa: FBT002  (Typer's flags are booleans)
) -> None:
    """Show what a data file would change, and apply all of it or nothing."""
    from bot.verbs.import_network import import_network

    settings = _load(config)
    speech = catalogue(language(settings))

    async def work(database: Database) -> int:
        return await import_network(database, file, yes=yes, ask=typer.confirm, show=typer.echo, translate=speech.say)

    raise typer.Exit(_complete(_with_database(settings, work)))


@cli.command(help=_t("Prüft Einstellungen, Datenbank, Homeserver und Räume: je eine Zeile."))
def check(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Check every setting, the database, the homeserver, encryption, rooms and rights: one line each."""
    from bot.verbs.check import check as check_all

    settings = _load(config)
    raise typer.Exit(_complete(check_all(settings, say)))


@cli.command(help=_t("Zeigt ohne Homeserver, was wann wohin gesendet würde."))
def simulate(
    first: Annotated[str, typer.Option("--from", help=_t("Erster Tag, z. B. 2020-10-01."))],
    until: Annotated[str, typer.Option("--until", help=_t("Letzter Tag."))],
    data: Annotated[Path | None, typer.Option(help=_t("Eine Datendatei statt der Datenbank."))] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help=_t("Je Zeile ein JSON-Objekt."))] = False,  # noqa: FBT002  (Typer's flags are booleans)
    submit: Annotated[
        list[str] | None, typer.Option(help=_t("Wenn jemand abgibt, z. B. labor-1:bremen@2020-10-20. Mehrmals möglich."))
    ] = None,
    dated: Annotated[
        list[str] | None,
        typer.Option(
            "--date", help=_t("Wenn ein Termin ein anderer ist, z. B. labor-2=2021-06-30, oder erst ab einem Tag: …@2021-01-15.")
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help=_t("Außerdem auf einer Zeitachse zeichnen, in eine Datei, die auf .svg oder .png endet."))
    ] = None,
) -> None:
    """Show what would be sent where, without a homeserver."""
    from bot.verbs.simulate import simulate as simulate_period

    settings = _load(config) if data is None or config.exists() else None
    status = _complete(
        simulate_period(
            settings,
            data,
            first,
            until,
            show=typer.echo,
            language=language(settings),
            as_json=as_json,
            submitted=submit or (),
            dated=dated or (),
            picture=picture,
        )
    )
    raise typer.Exit(status)


@cli.command(name="date", help=_t("Zeigt, wie Netzwart ein Datum oder eine Zeit versteht: EDTF, oder warum nicht."))
def date_verb(
    phrase: Annotated[
        str, typer.Argument(help=_t("Wie man es im Chat schriebe, z. B. »Ende Oktober« oder »jeden Montag um 9 Uhr«."))
    ],
    at: Annotated[str | None, typer.Option("--at", help=_t("Wann es gesagt wird, z. B. 2021-09-15 oder 2021-09-15T09:00."))] = None,
    config: Annotated[Path | None, typer.Option("--config", help=_t("Eine Konfigurationsdatei, der Zeitzone wegen."))] = None,
) -> None:
    """Show how Netzwart understands a date or a time."""
    from bot.verbs.date_phrase import date_phrase, read_at

    settings = _load(config) if config else None
    zone = settings.network.zone if settings else ZoneInfo(DEFAULT_ZONE)
    speech = catalogue(language(settings))
    try:
        now = read_at(at, zone) if at is not None else SystemClock().now().astimezone(zone)
    except UserError as refusal:
        _give_up(refusal.text)
    raise typer.Exit(date_phrase(phrase, now, show=typer.echo, refuse=lambda sentence: typer.echo(speech.say(sentence), err=True)))


@cli.command(help=_t("Führt einen Tag des Beispielnetzwerks auf einem eigenen Homeserver vor."))
def demo(
    folder: Annotated[Path, typer.Option(help=_t("Wohin die Vorführung schreiben darf; wird bei jedem Start geleert."))] = Path(
        ".demo"
    ),
) -> None:
    """Play a day of the example network on a homeserver of its own."""
    from bot.demo.play import main as play

    raise typer.Exit(play(folder, interactive=sys.stdin.isatty() and sys.stdout.isatty()))


@device.command(name="list", help=_t("Zeigt die Identität und alle Geräte des Kontos, mit Schlüsseln; ✓ heißt beglaubigt."))
def device_list(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Show the identity and every device of the account."""
    from bot.verbs.device import list_devices

    raise typer.Exit(_complete(list_devices(_load(config), _terminal())))


@device.command(name="sign", help=_t("Beglaubigt dieses Gerät, oder die genannten nach Vergleich ihrer Schlüssel."))
def device_sign(
    devices: Annotated[list[str] | None, typer.Argument(help=_t("Geräte-IDs; ohne: das Gerät dieses Netzwarts."))] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help=_t("Ohne Rückfrage beglaubigen."))] = False,  # noqa: FBT002  (Typer's flags are booleans)
) -> None:
    """Sign this installation's device, or those named."""
    from bot.verbs.device import sign

    raise typer.Exit(_complete(sign(_load(config), devices or [], _terminal(), yes=yes)))


@device.command(name="reset", help=_t("Gibt dem Konto eine neue Identität; wer den Bot verifiziert hat, muss es noch einmal tun."))
def device_reset(
    config: ConfigPath = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help=_t("Ohne Rückfrage."))] = False,  # noqa: FBT002  (Typer's flags are booleans)
    password_file: Annotated[Path | None, typer.Option(help=_t("Datei mit dem Passwort, wenn keines eingestellt ist."))] = None,
) -> None:
    """Give the account a new identity."""
    from bot.verbs.device import reset

    raise typer.Exit(_complete(reset(_load(config), _terminal(), yes=yes, password_file=password_file)))


@device.command(
    name="recover", help=_t("Nach dem Verlust von state_dir: meldet ein neues Gerät an und beglaubigt es mit der alten Identität.")
)
def device_recover(
    config: ConfigPath = DEFAULT_CONFIG,
    recovery_key: Annotated[
        Path | None,
        typer.Option(help=_t("Datei mit dem Wiederherstellungsschlüssel: holt die Identität aus dem Geheimnisspeicher.")),
    ] = None,
    keep_device: Annotated[bool, typer.Option("--keep-device", help=_t("Nur die Identität holen, kein neues Gerät."))] = False,  # noqa: FBT002  (Typer's flags are booleans)
    forget_old: Annotated[bool, typer.Option("--forget-old", help=_t("Das alte Gerät auf dem Homeserver abmelden."))] = False,  # noqa: FBT002  (Typer's flags are booleans)
) -> None:
    """Begin anew as another device of the same identity."""
    from bot.verbs.device import recover

    work = recover(_load(config), _terminal(), recovery_key_file=recovery_key, keep_device=keep_device, forget_old=forget_old)
    raise typer.Exit(_complete(work))


@device.command(
    name="share", help=_t("Legt die Identität in den Geheimnisspeicher des Kontos und zeigt den Wiederherstellungsschlüssel.")
)
def device_share(
    config: ConfigPath = DEFAULT_CONFIG,
    replace: Annotated[bool, typer.Option("--replace", help=_t("Einen vorhandenen Geheimnisspeicher ersetzen."))] = False,  # noqa: FBT002  (Typer's flags are booleans)
) -> None:
    """Put the identity into the account's secret storage and show the recovery key once."""
    from bot.verbs.device import share

    raise typer.Exit(_complete(share(_load(config), _terminal(), replace=replace)))


@device.command(name="verify", help=_t("Vergleicht Emoji mit jemandem, der den Bot verifiziert."))
def device_verify(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Compare emoji with somebody who verifies the bot."""
    from bot.verbs.device_verify import device_verify as verify

    settings = _load(config)
    raise typer.Exit(_complete(verify(settings.matrix.state_dir, language(settings), ask=typer.confirm, show=typer.echo)))


def _terminal() -> "Terminal":
    """Return whoever called a verb. What it did is said to them; the log has only what they would not expect."""
    from bot.verbs.device import Terminal

    logs.set_up("warning", "auto")
    return Terminal(say=say, show=typer.echo, ask=lambda question: typer.confirm(catalogue(language()).say(question)))


def say(message: Text) -> None:
    """Print a sentence in the reader's language."""
    typer.echo(catalogue(language()).say(message))


def _load(path: Path) -> Config:
    try:
        return load_config(path)
    except ConfigMistakes as mistakes:
        for mistake in mistakes.mistakes:
            typer.echo(catalogue(language()).say(mistake), err=True)
        raise typer.Exit(MEND_FIRST) from mistakes


def _clock(settings: Config, at: str | None, rate: float) -> Clock:
    if at is None:
        return SystemClock()
    if urlsplit(settings.matrix.homeserver).hostname not in _LOOPBACK:
        _give_up(text("--clock-at geht nur mit einem Homeserver auf diesem Rechner (127.0.0.1 oder localhost)."))
    try:
        start = datetime.fromisoformat(at)
    except ValueError:
        _give_up(text("»%(time)s« ist keine Zeit. Richtig wäre zum Beispiel 2020-10-12T09:00.", time=at))
    if not 0 < rate <= 1_000_000:  # noqa: PLR2004  (a year in half a minute)
        _give_up(text("--clock-rate muss größer als 0 sein."))
    return ShiftedClock(start if start.tzinfo else start.replace(tzinfo=settings.network.zone), rate)


async def _migrate(settings: Config, target: str) -> tuple[str | None, str | None]:
    database = connect(settings.database.url)
    try:
        return await migrate(database, target)
    except CommandError as error:
        _give_up(text("Den Stand »%(target)s« gibt es nicht: %(reason)s", target=target, reason=str(error)))
    finally:
        await database.close()


async def _with_database(settings: Config, work: Callable[[Database], Awaitable[int]]) -> int:
    database = connect(settings.database.url)
    try:
        await check_schema(database)
        return await work(database)
    finally:
        await database.close()


def _complete(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end; turn what an administrator can mend into one line and an exit status."""
    try:
        return asyncio.run(work)
    except (NetzwartError, DBAPIError, PoolTimeout, OSError) as error:
        _explain(error)
    except BaseExceptionGroup as group:  # what ended one of the bot's tasks ended them all
        first = _first(group)
        if not isinstance(first, (NetzwartError, DBAPIError, PoolTimeout, OSError)):
            raise
        _explain(first)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(cast("BaseExceptionGroup[BaseException]", error)) if isinstance(error, BaseExceptionGroup) else error


def _explain(error: BaseException) -> NoReturn:
    match error:
        case DatabaseNotReady():
            _give_up(error.text)
        case NetzwartError(text=Text() as message):
            _give_up(message)
        case StoreInUse():
            _give_up(text("Ein anderer Netzwart-Prozess benutzt schon %(folder)s.", folder=str(error)))
        case LoginFailed():
            _give_up(text("Der Homeserver lässt mich nicht hinein: %(reason)s", reason=str(error)))
        case NetzwartError():
            _give_up(text("Das ging nicht: %(reason)s", reason=str(error)), status=1)
        case OSError():
            may_pass = error.errno in _DISK_TROUBLES
            _give_up(text("Das ging nicht: %(reason)s", reason=str(error)), status=1 if may_pass else MEND_FIRST)
        case _:
            _give_up(text("Die Datenbank ist nicht erreichbar: %(reason)s", reason=reason_of(error)), status=1)


def _give_up(message: Text, status: int = MEND_FIRST) -> NoReturn:
    typer.echo(catalogue(language()).say(message), err=True)
    raise typer.Exit(status)
