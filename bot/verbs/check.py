"""`netzwart check`: settings, database, homeserver and rooms, one line each."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from bot.config import Config, secret
from bot.db.engine import connect, is_there, reason_of
from bot.db.labs import every as every_lab
from bot.db.schema import newest_version, version_of
from bot.errors import ChatUnavailable, LoginFailed, Text, ntext, text
from bot.matrix.crypto.identity import Identity, Kind
from bot.matrix.crypto.identity_file import IdentityUnreadable
from bot.matrix.inspection import Inspection, inspect
from bot.matrix.own_device import identity_file, kept_session, unreadable_rooms
from bot.verbs.device import of_standing

Say = Callable[[Text], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `good` None: worth knowing, but nothing has to be mended."""

    good: bool | None
    text: Text

    def line(self) -> Text:
        """Return the line with its mark."""
        mark = {True: "✓", False: "✗", None: "!"}[self.good]
        return text("%(mark)s %(finding)s", mark=mark, finding=self.text)


async def check(config: Config, say: Say) -> int:
    """Say every finding as it is made. Return 0 if nothing has to be mended, else 1."""
    good = True
    say(Finding(True, text("Die Konfiguration ist vollständig.")).line())
    for findings in (_database(config), _identity_file(config), _homeserver(config)):
        async for finding in findings:
            say(finding.line())
            good = good and finding.good is not False
    return 0 if good else 1


async def _database(config: Config) -> AsyncIterator[Finding]:
    if not is_there(config.database.url):
        yield Finding(False, _wrong_version(None))
        return
    database = connect(config.database.url)
    try:
        found = await version_of(database)
        if found != newest_version():
            yield Finding(False, _wrong_version(found))
            return
        yield Finding(True, text("Datenbank: erreichbar, Stand %(found)s.", found=found))
        async with database.begin() as session:
            labs = {lab.key: lab.name for lab in await every_lab(session)}
    except (DBAPIError, OSError) as error:
        yield Finding(False, text("Datenbank: nicht erreichbar: %(reason)s", reason=reason_of(error)))
        return
    finally:
        await database.close()
    for finding in _labs(config, labs):
        yield finding


def _wrong_version(found: str | None) -> Text:
    expected = newest_version()
    return text("Datenbank: Stand %(found)s, gebraucht wird %(expected)s: netzwart migrate", found=found or "–", expected=expected)


def _labs(config: Config, labs: dict[str, str]) -> list[Finding]:
    """Compare the labs of the data with the rooms of the configuration."""
    if not labs:
        return [Finding(None, text("Daten: noch keine Labore; netzwart import FILE liest sie ein."))]
    rooms = config.network.lab_rooms
    unknown = [
        Finding(False, text("network.lab_rooms.%(key)s: ein Labor »%(key)s« gibt es nicht.", key=key))
        for key in rooms
        if key not in labs
    ]
    without = [
        Finding(None, text("Labor »%(lab)s« hat keinen Raum (network.lab_rooms.%(key)s).", lab=name, key=key))
        for key, name in labs.items()
        if key not in rooms
    ]
    return [Finding(True, text("Daten: %(count)s Labore.", count=len(labs))), *unknown, *without]


async def _homeserver(config: Config) -> AsyncIterator[Finding]:
    matrix = config.matrix
    try:
        token = secret(matrix.access_token, matrix.access_token_file)
        password = secret(matrix.password, matrix.password_file)
        looking = inspect(
            matrix.homeserver, matrix.user_id, matrix.state_dir, token=token, device_id=matrix.device_id, password=password
        )
        async with looking as inspection:
            who = await inspection.who()
            if who != matrix.user_id:
                yield Finding(
                    False, text("Homeserver: der Zugang gehört %(who)s, nicht %(wanted)s.", who=who, wanted=matrix.user_id)
                )
                return
            yield Finding(True, text("Homeserver: angemeldet als %(who)s.", who=who))
            async for finding in _identity(config, inspection):
                yield finding
            async for finding in _rooms(config, inspection):
                yield finding
    except LoginFailed as error:
        yield Finding(False, text("Homeserver: keine Anmeldung: %(reason)s", reason=str(error)))
    except ChatUnavailable as error:
        yield Finding(False, text("Homeserver: %(url)s antwortet nicht: %(reason)s", url=matrix.homeserver, reason=str(error)))


async def _identity_file(config: Config) -> AsyncIterator[Finding]:
    file = identity_file(config.matrix)
    try:
        seeds = file.load()
    except IdentityUnreadable as error:
        yield Finding(False, error.text)
        return
    if seeds is None:
        yield Finding(None, text("%(file)s: noch keine Identität; netzwart run legt sie an.", file=str(file.path)))
        return
    yield Finding(True, text("%(file)s: die Identität ist da, und der Schlüssel passt.", file=str(file.path)))
    if file.key_is_beside:
        beside = text(
            "%(key)s liegt im selben Ordner wie die Identität: wer ihn hat, kann sich als der Bot ausgeben (matrix.identity_key_file).",
            key=str(file.key_file),
        )
        yield Finding(None, beside)


async def _identity(config: Config, inspection: Inspection) -> AsyncIterator[Finding]:
    """Compare the homeserver's identity with ours, and look whether our device is signed. Changes nothing."""
    matrix = config.matrix
    session = kept_session(matrix)
    try:
        standing = await Identity(inspection.server, matrix.user_id).look(
            identity_file(matrix), session.device_id if session else None
        )
    except IdentityUnreadable:
        return  # said already
    good = {Kind.OURS: True, Kind.NOTHING: None}.get(standing.kind, False)
    yield Finding(good, of_standing(standing))
    if standing.kind is not Kind.OURS or session is None:
        return
    if standing.device_signed:
        yield Finding(True, text("Das Gerät %(device)s ist beglaubigt.", device=session.device_id))
    else:
        yield Finding(False, text("Das Gerät %(device)s ist nicht beglaubigt: netzwart device sign", device=session.device_id))


async def _rooms(config: Config, inspection: Inspection) -> AsyncIterator[Finding]:
    joined = await inspection.joined()
    session = kept_session(config.matrix)
    unreadable = unreadable_rooms(config.matrix, session) if session else {}
    seen: dict[str, str] = {}
    for key, configured in config.network.rooms().items():
        try:
            room_id = await inspection.resolve(configured)
        except ChatUnavailable as error:
            yield Finding(
                False, text("Raum %(key)s (%(room)s): nicht gefunden: %(reason)s", key=key, room=configured, reason=str(error))
            )
            continue
        if seen.setdefault(room_id, key) != key:
            twice = text(
                "Raum %(key)s (%(room)s): ist derselbe wie %(other)s; so gibt er niemandem Rechte.",
                key=key,
                room=configured,
                other=seen[room_id],
            )
            yield Finding(False, twice)
            continue
        if room_id not in joined:
            yield Finding(False, text("Raum %(key)s (%(room)s): ich bin nicht darin; lade mich ein.", key=key, room=configured))
            continue
        yield await _room(key, configured, room_id, inspection)
        if events := unreadable.get(room_id):
            yield Finding(
                None,
                ntext(
                    "Raum %(key)s: %(n)s Nachricht kann ich nicht entschlüsseln; ihr Schlüssel fehlt.",
                    "Raum %(key)s: %(n)s Nachrichten kann ich nicht entschlüsseln; ihre Schlüssel fehlen.",
                    events,
                    key=key,
                ),
            )


async def _room(key: str, configured: str, room_id: str, inspection: Inspection) -> Finding:
    state = await inspection.state(room_id)
    if state.open:
        problem = text("öffentlich, auf Anklopfen offen oder für alle lesbar; so gibt er niemandem Rechte")
    elif not state.may_send:
        problem = text("ich darf dort nichts schreiben")
    else:
        encrypted = text("verschlüsselt") if state.encrypted else text("nicht verschlüsselt")
        return Finding(True, text("Raum %(key)s (%(room)s): %(encrypted)s.", key=key, room=configured, encrypted=encrypted))
    return Finding(False, text("Raum %(key)s (%(room)s): %(problem)s.", key=key, room=configured, problem=problem))
