"""`netzwart device …`: the bot's devices and its identity.

`list`, `sign`, `share` and `reset` may be called while the bot runs: they leave the device's store alone (it is read at most). `reset`
changes what the running bot has read at its start; it has to be started again to vouch for anybody with the new identity, and meanwhile
nothing is lost. `recover` makes a new store and therefore wants the state folder for itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from bot import logs
from bot.config import Config, MatrixConfig, secret
from bot.errors import LoginFailed, Text, text
from bot.matrix import session as sessions
from bot.matrix.client import GuardedClient, log_in
from bot.matrix.crypto.identity import Device, Identity, Kind, Published, Standing, establish, grouped
from bot.matrix.crypto.identity_file import IdentityFile, IdentityTrouble, IdentityUnreadable, Seeds, new_seeds, printable
from bot.matrix.crypto.interactive_auth import PersonNeeded, authenticated
from bot.matrix.crypto.secret_storage import SecretStorage
from bot.matrix.crypto.values import objects_of
from bot.matrix.own_device import (
    identity_file,
    kept_session,
    log_out,
    logged_in,
    own_device,
    set_store_aside,
    upload_keys,
    with_store,
)
from bot.matrix.session import Session

DONE, NOT_DONE, MEND_FIRST = 0, 1, 2
_LARGEST_SECRET = 4096


@dataclass(frozen=True, slots=True)
class Terminal:
    """Whoever has called the verb: hears sentences, sees lines as they are, and answers questions."""

    say: Callable[[Text], None]
    show: Callable[[str], None]
    ask: Callable[[Text], bool]


# list


async def list_devices(config: Config, terminal: Terminal) -> int:
    """Show the account's identity and devices: which is ours, and which are signed by the identity. Return the exit status."""
    matrix = config.matrix
    session = _session(matrix)
    file = identity_file(matrix)
    _, trouble = _seeds_or_trouble(file)
    async with logged_in(matrix, session) as client:
        published = await Identity(client, matrix.user_id).published()
        answer = await client.call("GET", "/devices")
    terminal.say(trouble or of_standing(published.standing(file.in_use(published.master))))
    for entry in _entries(answer):
        for line in _lines_of(entry, published, session.device_id, config.network.zone):
            terminal.say(line)
    return DONE


def of_standing(standing: Standing) -> Text:
    """Return what there is to say of an identity, and what would be right if something is wrong with it."""
    found, kept = grouped(standing.found or ""), grouped(standing.fingerprint or "")
    match standing.kind:
        case Kind.OURS:
            return text("Identität: %(fingerprint)s", fingerprint=kept)
        case Kind.NOTHING:
            return text("Identität: noch keine auf dem Homeserver; netzwart run legt sie an.")
        case Kind.REPLACED:
            return text(
                "Identität: jemand hat sie ersetzt! Auf dem Homeserver steht %(found)s, hier liegt %(kept)s. Wart ihr es nicht selbst,"
                " ändert das Passwort des Kontos; dann: netzwart device reset",
                found=found,
                kept=kept,
            )
        case Kind.NOT_KEPT:
            return text(
                "Identität: auf dem Homeserver steht %(found)s, aber ihre Schlüssel liegen nicht hier: netzwart device recover oder"
                " netzwart device reset",
                found=found,
            )


def _entries(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [entry for entry in objects_of(answer.get("devices")) if isinstance(entry.get("device_id"), str)]


def _lines_of(entry: Mapping[str, Any], published: Published, own: str, zone: ZoneInfo) -> Iterator[Text]:
    device_id = str(entry["device_id"])
    name = printable(entry.get("display_name") or "–")
    seen = _day_and_time(entry.get("last_seen_ts"), zone)
    mark = "✓" if published.is_signed(device_id) else "✗"
    if device_id == own:
        here = text(
            "%(mark)s %(device)s (%(name)s), zuletzt %(seen)s: dieses Netzwart", mark=mark, device=device_id, name=name, seen=seen
        )
        yield here
    else:
        yield text("%(mark)s %(device)s (%(name)s), zuletzt %(seen)s", mark=mark, device=printable(device_id), name=name, seen=seen)
    device = published.devices.get(device_id)
    key = text("keine Schlüssel") if device is None else grouped(device.ed25519)
    yield text("    %(key)s", key=key)


def _day_and_time(milliseconds: object, zone: ZoneInfo) -> str:
    if not isinstance(milliseconds, int | float) or isinstance(milliseconds, bool):
        return "–"
    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, zone):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):  # no time that a calendar has
        return "–"


# sign


async def sign(config: Config, device_ids: list[str], terminal: Terminal, *, yes: bool) -> int:
    """Sign this installation's device, or those named (each after its fingerprint was shown and agreed to). Return the exit status."""
    matrix = config.matrix
    session = _session(matrix)
    seeds = _seeds(identity_file(matrix))
    if not device_ids:
        async with with_store(matrix, session) as client:
            await _sign_own(client, seeds)
        terminal.say(text("Das Gerät %(device)s ist beglaubigt.", device=session.device_id))
        return DONE
    async with logged_in(matrix, session) as client:
        results = [await _sign_named(client, seeds, device_id, terminal, yes=yes) for device_id in device_ids]
    return DONE if all(results) else NOT_DONE


async def _sign_own(client: GuardedClient, seeds: Seeds) -> None:
    identity = Identity(client, client.user_id)
    _must_be_ours(await identity.state(seeds))
    await identity.sign_device(seeds, own_device(client))


async def _sign_named(client: GuardedClient, seeds: Seeds, device_id: str, terminal: Terminal, *, yes: bool) -> bool:
    identity = Identity(client, client.user_id)
    published = await identity.published()
    _must_be_ours(published.standing(seeds))
    device: Device | None = published.devices.get(device_id)
    if device is None:
        terminal.say(text("Ein Gerät %(device)s mit gültigen Schlüsseln hat das Konto nicht.", device=printable(device_id)))
        return False
    terminal.say(text("%(device)s: %(key)s", device=printable(device_id), key=grouped(device.ed25519)))
    if not yes and not terminal.ask(text("Zeigt das Gerät selbst denselben Schlüssel, und soll es beglaubigt werden?")):
        terminal.say(text("Nicht beglaubigt."))
        return False
    await identity.sign_device(seeds, device)
    terminal.say(text("Das Gerät %(device)s ist beglaubigt.", device=printable(device_id)))
    return True


def _must_be_ours(standing: Standing) -> None:
    if standing.kind is not Kind.OURS:
        raise IdentityTrouble(of_standing(standing))


# reset


async def reset(config: Config, terminal: Terminal, *, yes: bool, password_file: Path | None) -> int:
    """Give the account a new identity, keep the old file beside, and sign this installation's device. Return the exit status."""
    matrix = config.matrix
    session = _session(matrix)
    password = _secret_in(password_file) if password_file else secret(matrix.password, matrix.password_file)
    logs.hide([password])
    file = identity_file(matrix)
    async with logged_in(matrix, session) as client:
        identity = Identity(client, matrix.user_id)
        _, trouble = _seeds_or_trouble(file)
        terminal.say(trouble or of_standing(await identity.look(file)))
        if not yes and not terminal.ask(
            text("Eine neue Identität anlegen? Wer den Bot verifiziert hat, wird gewarnt und muss es noch einmal tun.")
        ):
            terminal.say(text("Nichts wurde geändert."))
            return NOT_DONE
        seeds = file.staged() or new_seeds()  # a reset that was cut off goes on: the homeserver may have them already
        file.stage(seeds)  # first: an identity that the homeserver has and nobody keeps would be lost
        await identity.upload(seeds, password, replacing=True)
        file.promote()
        terminal.say(text("Neue Identität: %(fingerprint)s", fingerprint=grouped(seeds.fingerprint)))
        stored = await SecretStorage(client, matrix.user_id).default_key()
    async with with_store(matrix, session) as client:
        await _sign_own(client, seeds)
    terminal.say(text("Das Gerät %(device)s ist beglaubigt.", device=session.device_id))
    terminal.say(text("Sichere %(file)s und den Schlüssel dazu, und starte Netzwart neu, falls es läuft.", file=str(file.path)))
    if stored is not None:
        terminal.say(text("Im Geheimnisspeicher liegt noch die alte Identität: netzwart device share --replace"))
    return DONE


# recover


async def recover(
    config: Config, terminal: Terminal, *, recovery_key_file: Path | None, keep_device: bool, forget_old: bool
) -> int:
    """Begin anew as another device, vouched for by the same identity. Return the exit status.

    With `recovery_key_file` the identity is fetched from the secret storage first; with `keep_device` nothing else is done. Raises
    `StoreInUse` while the bot runs.
    """
    matrix = config.matrix
    written = _secret_in(recovery_key_file) if recovery_key_file else None
    logs.hide([written])
    if keep_device:
        return await _restore_only(matrix, written, terminal)
    if secret(matrix.access_token, matrix.access_token_file) is not None:
        terminal.say(_how_to_issue_a_token(matrix))
        return MEND_FIRST
    password = secret(matrix.password, matrix.password_file) or ""
    logs.hide([password])
    with sessions.lock(matrix.state_dir):
        old = _old_device(matrix)
        session = await _new_device(matrix, password, written)
        aside = set_store_aside(matrix, old)
        sessions.save(matrix.state_dir, session)
        _say_what_was_done(terminal, old, session.device_id, aside)
        async with with_store(matrix, session, new=True) as client:
            await upload_keys(client)
            standing = await establish(client, own_device(client), identity_file(matrix), password)
            terminal.say(of_standing(standing))
            if forget_old:
                await _forget(client, old, password, terminal)
    return DONE if standing.device_signed else NOT_DONE


async def _restore_only(matrix: MatrixConfig, written: str | None, terminal: Terminal) -> int:
    if written is None:
        terminal.say(text("--keep-device geht nur mit --recovery-key DATEI: sonst wäre nichts zu tun."))
        return MEND_FIRST
    session = _session(matrix)
    async with logged_in(matrix, session) as client:
        seeds = await _restore(client, identity_file(matrix), written)
    terminal.say(text("Die Identität %(fingerprint)s liegt wieder hier.", fingerprint=grouped(seeds.fingerprint)))
    async with with_store(matrix, session) as client:
        await _sign_own(client, seeds)
    terminal.say(text("Das Gerät %(device)s ist beglaubigt.", device=session.device_id))
    return DONE


async def _restore(client: GuardedClient, file: IdentityFile, written: str) -> Seeds:
    """Fetch the identity from the secret storage and keep it. Raises `IdentityTrouble` if it is not the account's."""
    seeds = await SecretStorage(client, client.user_id).get(written)
    if (await Identity(client, client.user_id).state(seeds)).kind is not Kind.OURS:
        raise IdentityTrouble(text("Im Geheimnisspeicher liegt eine andere Identität als die, die das Konto jetzt hat."))
    kept, _ = _seeds_or_trouble(file)
    if kept != seeds:
        file.stage(seeds)
        file.promote()
    return seeds


async def _new_device(matrix: MatrixConfig, password: str, written: str | None) -> Session:
    """Log in as a new device, once it is certain that there is an identity to sign it with. Otherwise nothing is changed."""
    device_id, token = await log_in(matrix.homeserver, matrix.user_id, password)
    session = Session(matrix.user_id, device_id, token)
    async with logged_in(matrix, session) as client:
        try:
            file = identity_file(matrix)
            if written is not None:
                await _restore(client, file, written)
            else:
                file.load()
        except BaseException:
            await log_out(client)
            raise
    return session


def _say_what_was_done(terminal: Terminal, old: str | None, new: str, aside: Path | None) -> None:
    if aside is None:
        terminal.say(text("Angemeldet als neues Gerät %(new)s; von einem alten war nichts übrig.", new=new))
    else:
        terminal.say(
            text(
                "Angemeldet als neues Gerät %(new)s; das alte war %(old)s, was von ihm übrig ist, liegt in %(folder)s.",
                new=new,
                old=old or "–",
                folder=str(aside),
            )
        )
    terminal.say(text("Verschlüsselte Nachrichten von vorher kann Netzwart nicht mehr lesen."))


def _old_device(matrix: MatrixConfig) -> str | None:
    """Return the device that was in use, None if nobody knows any more."""
    try:
        kept = sessions.load(matrix.state_dir, matrix.user_id)
    except (LoginFailed, OSError):
        return None
    return kept.device_id if kept else None


def _how_to_issue_a_token(matrix: MatrixConfig) -> Text:
    return text(
        "Mit access_token_file kann sich Netzwart nicht selbst neu anmelden. Stelle ein neues Token mit einem neuen Gerät aus: curl -X POST"
        ' %(url)s/_matrix/client/v3/login -d \'{"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "%(user)s"},'
        ' "password": "PASSWORT"}\' – dann access_token in die Datei, device_id in die Konfiguration, einen neuen Ordner als state_dir,'
        " und netzwart run.",
        url=matrix.homeserver,
        user=matrix.user_id,
    )


async def _forget(client: GuardedClient, old: str | None, password: str, terminal: Terminal) -> None:
    if old is None:
        terminal.say(text("Welches das alte Gerät war, ist nicht mehr bekannt; netzwart device list zeigt alle."))
        return
    path = f"/devices/{quote(old, safe='')}"
    try:
        await authenticated(client, "DELETE", path, {}, user_id=client.user_id, password=password)
    except PersonNeeded:
        terminal.say(text("Das alte Gerät %(device)s muss ein Mensch abmelden, etwa mit Element.", device=printable(old)))
    else:
        terminal.say(text("Das alte Gerät %(device)s ist abgemeldet.", device=printable(old)))


# share


async def share(config: Config, terminal: Terminal, *, replace: bool) -> int:
    """Put the identity into the account's secret storage and show its recovery key, this once. Return the exit status."""
    matrix = config.matrix
    session = _session(matrix)
    seeds = _seeds(identity_file(matrix))
    async with logged_in(matrix, session) as client:
        _must_be_ours(await Identity(client, matrix.user_id).state(seeds))
        recovery_key = await SecretStorage(client, matrix.user_id).put(seeds, replace=replace)
    terminal.say(
        text("Die Identität liegt im Geheimnisspeicher des Kontos. Der Wiederherstellungsschlüssel, nur dieses eine Mal gezeigt:")
    )
    terminal.show(recovery_key)
    terminal.say(
        text("Wer ihn hat und sich als der Bot anmelden kann, ist der Bot: bewahre ihn auf wie die Sicherung der Identität.")
    )
    return DONE


# What all of them need


def _session(matrix: MatrixConfig) -> Session:
    session = kept_session(matrix)
    if session is None:
        raise IdentityTrouble(
            text(
                "In %(folder)s liegt keine Anmeldung. Der erste Start legt sie an (netzwart run); war sie da, dann:"
                " netzwart device recover",
                folder=str(matrix.state_dir),
            )
        )
    return session


def _seeds(file: IdentityFile) -> Seeds:
    seeds = file.load()
    if seeds is None:
        raise IdentityTrouble(
            text(
                "%(file)s gibt es nicht. Der erste Start legt die Identität an (netzwart run); war sie da, lege die Sicherung zurück.",
                file=str(file.path),
            )
        )
    return seeds


def _seeds_or_trouble(file: IdentityFile) -> tuple[Seeds | None, Text | None]:
    try:
        return file.load(), None
    except IdentityUnreadable as error:
        return None, error.text


def _secret_in(path: Path) -> str:
    """Return what a file with a secret says. Raises `IdentityTrouble`."""
    try:
        with path.open("rb") as file:
            said = file.read(_LARGEST_SECRET).decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise IdentityTrouble(text("%(file)s kann nicht gelesen werden: %(reason)s", file=str(path), reason=reason)) from error
    if not said:
        raise IdentityTrouble(text("die Datei %(file)s ist leer", file=str(path)))
    return said
