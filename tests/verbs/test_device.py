"""`netzwart device …` and what `netzwart check` says of identity and device, against a real homeserver."""

import json
import os
import secrets
import shutil
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from bot.cli import cli
from bot.config import Config, load_config
from bot.demo.api import Api, client
from bot.demo.homeserver import Account, Homeserver
from bot.errors import LoginFailed, StoreInUse, Text
from bot.matrix import session as sessions
from bot.matrix.crypto.identity import Identity, Kind, Standing, establish, grouped
from bot.matrix.crypto.identity_file import IdentityFile, IdentityTrouble, Seeds, new_seeds
from bot.matrix.crypto.signing import is_signed, public_key
from bot.matrix.login import login
from bot.matrix.own_device import identity_file, logged_in, own_device, upload_keys, with_store
from bot.rendering import catalogue
from bot.verbs.check import check
from bot.verbs.device import Terminal, list_devices, recover, reset, share, sign

CONFIG = """[matrix]
homeserver = "{url}"
user_id = "{user_id}"
password_file = "password"
identity_file = "identity.json"
identity_key_file = "identity.key"
[database]
url = "sqlite+aiosqlite:///netzwart.sqlite"
[network]
name = "Netz"
coordination_room = "#none:netz.example"
network_room = "#nobody:netz.example"
"""


@dataclass
class Administrator:
    """Somebody who calls verbs on an installation in `folder`, and answers their questions."""

    folder: Path
    account: Account
    api: Api
    answers: list[bool] = field(default_factory=list[bool])
    lines: list[str] = field(default_factory=list[str])

    @property
    def config(self) -> Config:
        return load_config(self.folder / "config.toml")

    @property
    def file(self) -> IdentityFile:
        return identity_file(self.config.matrix)

    @property
    def seeds(self) -> Seeds:
        seeds = self.file.load()
        assert seeds is not None
        return seeds

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def device_id(self) -> str:
        return str(json.loads((self.state / "session.json").read_text())["device_id"])

    def configure(self, line: str, instead_of: str = 'password_file = "password"\n') -> None:
        """Change the configuration."""
        path = self.folder / "config.toml"
        path.write_text(path.read_text().replace(instead_of, f"{line}\n"))

    def terminal(self) -> Terminal:
        """A terminal whose lines are in `lines`, from now on."""
        self.lines.clear()
        return Terminal(self._say, self.lines.append, self._ask)

    def _say(self, said: Text) -> None:
        self.lines.append(catalogue("de").say(said))

    def _ask(self, question: Text) -> bool:
        self._say(question)
        return self.answers.pop(0)

    async def start(self) -> Standing:
        """Do what a start of the bot does with keys."""
        matrix = self.config.matrix
        session = await login(matrix)
        async with with_store(matrix, session, new=True) as device:
            await upload_keys(device)
            return await establish(device, own_device(device), self.file, None)

    async def checked(self) -> list[str]:
        """What `check` says of identity and device."""
        self.lines.clear()
        await check(self.config, self._say)
        about = ("dentität", "Gerät", "Schlüssel", "identity")
        return [line for line in self.lines if any(word in line for word in about)]

    async def keys(self) -> dict[str, Any]:
        """What the homeserver says of the account's keys."""
        return await self.api.request("POST", client("keys", "query"), {"device_keys": {self.account.user_id: []}})

    async def is_signed(self, device_id: str, seeds: Seeds | None = None) -> bool:
        """Whether others see the device as signed by the identity."""
        keys, public = await self.keys(), public_key((seeds or self.seeds).self_signing)
        device = keys["device_keys"][self.account.user_id][device_id]
        return is_signed(device, by=public, user_id=self.account.user_id, key_id=public)

    async def devices(self) -> set[str]:
        return {device["device_id"] for device in (await self.api.request("GET", client("devices")))["devices"]}


@pytest_asyncio.fixture(loop_scope="session")
async def admin(homeserver: Homeserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Administrator]:
    """A fresh account and its installation, not started yet. The raw API is another device of the account's."""
    for name in [name for name in os.environ if name.upper().startswith("NETZWART_")]:
        monkeypatch.delenv(name)
    account = await homeserver.register(f"device-{secrets.token_hex(4)}")
    (tmp_path / "password").write_text(account.password)
    (tmp_path / "config.toml").write_text(CONFIG.format(url=homeserver.url, user_id=account.user_id))
    async with Api(homeserver.url, account.access_token) as api:
        yield Administrator(tmp_path, account, api)


async def replaced(admin: Administrator) -> Seeds:
    """Let somebody with the account's password give it another identity."""
    seeds, session = new_seeds(), await login(admin.config.matrix)
    async with logged_in(admin.config.matrix, session) as server:
        await Identity(server, admin.account.user_id).upload(seeds, admin.account.password, replacing=True)
    return seeds


# list and sign


async def test_the_list(admin: Administrator) -> None:
    """Identity, this installation's device with its key, and another session of the account that nobody has signed."""
    standing = await admin.start()
    assert await list_devices(admin.config, admin.terminal()) == 0

    (device,) = (await admin.keys())["device_keys"][admin.account.user_id].values()
    own = admin.device_id
    assert admin.lines[0] == f"Identität: {grouped(standing.fingerprint or '')}"
    here = admin.lines.index(next(line for line in admin.lines if line.startswith(f"✓ {own} (Netzwart), zuletzt ")))
    assert admin.lines[here].endswith(": dieses Netzwart")
    assert admin.lines[here + 1] == f"    {grouped(device['keys'][f'ed25519:{own}'])}"
    other = next(line for line in admin.lines if line.startswith(f"✗ {admin.account.device_id} "))
    assert admin.lines[admin.lines.index(other) + 1] == "    keine Schlüssel"
    assert len(admin.lines) == 5


async def test_the_list_shows_nothing_that_a_terminal_obeys(admin: Administrator) -> None:
    """Whoever can rename a device could otherwise write over what is shown."""
    await admin.start()
    await admin.api.request("PUT", client("devices", admin.account.device_id), {"display_name": "\x1b[2J\u202eböse"})
    await list_devices(admin.config, admin.terminal())
    assert all(line.isprintable() for line in admin.lines)
    assert any("(" + "[2Jböse)" in line for line in admin.lines)


async def test_nothing_to_list_before_the_first_start(admin: Administrator) -> None:
    for work in (
        list_devices(admin.config, admin.terminal()),
        sign(admin.config, [], admin.terminal(), yes=True),
        reset(admin.config, admin.terminal(), yes=True, password_file=None),
        share(admin.config, admin.terminal(), replace=False),
    ):
        with pytest.raises(IdentityTrouble, match="liegt keine Anmeldung"):
            await work
    assert not admin.state.exists()
    assert not (admin.folder / "identity.json").exists()


async def test_signing_named_devices(admin: Administrator) -> None:
    """After their key was shown and agreed to; also while the bot runs."""
    await admin.start()
    first = admin.device_id
    shutil.move(admin.state, admin.folder / "other")
    session = await login(admin.config.matrix)
    async with with_store(admin.config.matrix, session, new=True) as device:
        await upload_keys(device)
        key = own_device(device).ed25519
    second = admin.device_id

    with sessions.lock(admin.state):
        admin.answers = [False]
        assert await sign(admin.config, [second], admin.terminal(), yes=False) == 1
        assert admin.lines == [
            f"{second}: {grouped(key)}",
            "Zeigt das Gerät selbst denselben Schlüssel, und soll es beglaubigt werden?",
            "Nicht beglaubigt.",
        ]
        assert not await admin.is_signed(second)
        admin.answers = [True]
        assert await sign(admin.config, [second], admin.terminal(), yes=False) == 0
        assert admin.lines[-1] == f"Das Gerät {second} ist beglaubigt."
        assert await sign(admin.config, [first, "UNKNOWN"], admin.terminal(), yes=True) == 1
        assert admin.lines[-1] == "Ein Gerät UNKNOWN mit gültigen Schlüsseln hat das Konto nicht."
    assert await admin.is_signed(first)
    assert await admin.is_signed(second)


async def test_signing_this_device(admin: Administrator) -> None:
    """Compared with the keys in its own store; a device whose store is not there is not made up."""
    await admin.start()
    assert await sign(admin.config, [], admin.terminal(), yes=False) == 0
    assert admin.lines == [f"Das Gerät {admin.device_id} ist beglaubigt."]
    store = next(admin.state.glob("*.sqlite"))
    content = store.read_bytes()
    for lost in (b"no database" * 500, None):
        store.write_bytes(lost) if lost else store.unlink()
        with pytest.raises(IdentityTrouble, match="netzwart device recover"):
            await sign(admin.config, [], admin.terminal(), yes=False)
    assert not store.exists()
    store.write_bytes(content)
    await replaced(admin)
    with pytest.raises(IdentityTrouble, match="jemand hat sie ersetzt"):
        await sign(admin.config, [], admin.terminal(), yes=False)


# reset


async def test_a_new_identity(admin: Administrator) -> None:
    """Asked first; then new seeds, the old ones beside, the device signed, and `check` content. The bot may run."""
    before = (await admin.start()).fingerprint
    admin.answers = [False]
    assert await reset(admin.config, admin.terminal(), yes=False, password_file=None) == 1
    assert (await admin.start()).fingerprint == before

    with sessions.lock(admin.state):
        assert await reset(admin.config, admin.terminal(), yes=True, password_file=None) == 0

    assert admin.seeds.fingerprint != before
    assert admin.lines[0] == f"Identität: {grouped(before or '')}"
    assert f"Neue Identität: {grouped(admin.seeds.fingerprint)}" in admin.lines
    assert await admin.is_signed(admin.device_id)
    (old,) = admin.folder.glob("identity.json.old-*")
    kept = IdentityFile(old, admin.file.key_file, admin.account.user_id).load()
    assert kept is not None
    assert kept.fingerprint == before
    assert (await admin.start()).kind is Kind.OURS


async def test_a_new_identity_that_the_homeserver_does_not_take(admin: Administrator) -> None:
    """A wrong password: the old one stays in use; the next try offers the same new one."""
    before = (await admin.start()).fingerprint
    (admin.folder / "wrong").write_text("wrong")
    for _ in range(2):
        with pytest.raises(IdentityTrouble, match="nimmt das Passwort"):
            await reset(admin.config, admin.terminal(), yes=True, password_file=admin.folder / "wrong")
    staged = admin.file.staged()
    assert admin.seeds.fingerprint == before
    assert (await admin.start()).fingerprint == before
    assert await reset(admin.config, admin.terminal(), yes=True, password_file=None) == 0
    assert admin.seeds == staged


async def test_a_new_identity_after_it_was_replaced_or_lost(admin: Administrator) -> None:
    """The way out of each of them."""
    await admin.start()
    await replaced(admin)
    assert await reset(admin.config, admin.terminal(), yes=True, password_file=None) == 0
    assert admin.lines[0].startswith("Identität: jemand hat sie ersetzt!")
    for lost in ("identity.json", "identity.key"):
        (admin.folder / lost).unlink()
        assert await reset(admin.config, admin.terminal(), yes=True, password_file=None) == 0
        assert (await admin.start()).kind is Kind.OURS


async def test_a_new_identity_without_a_configured_password(admin: Administrator) -> None:
    """With an issued token there is none: it can be given, and without it the sentence says so."""
    await admin.start()
    session = json.loads((admin.state / "session.json").read_text())
    (admin.folder / "token").write_text(session["access_token"])
    admin.configure(f'access_token_file = "token"\ndevice_id = "{session["device_id"]}"')
    with pytest.raises(IdentityTrouble, match="netzwart device reset --password-file DATEI"):
        await reset(admin.config, admin.terminal(), yes=True, password_file=None)
    assert await reset(admin.config, admin.terminal(), yes=True, password_file=admin.folder / "password") == 0
    assert await admin.is_signed(session["device_id"])


# recover


async def test_the_state_folder_is_lost(admin: Administrator) -> None:
    """A new device, vouched for by the identity that everybody knows; the old one is signed out if wanted."""
    before = await admin.start()
    old = admin.device_id
    for path in admin.state.glob("*.sqlite*"):
        path.unlink()

    status = await recover(admin.config, admin.terminal(), recovery_key_file=None, keep_device=False, forget_old=True)

    new, aside = admin.device_id, admin.state / f"old-{old}"
    assert (status, admin.lines) == (
        0,
        [
            f"Angemeldet als neues Gerät {new}; das alte war {old}, was von ihm übrig ist, liegt in {aside}.",
            "Verschlüsselte Nachrichten von vorher kann Netzwart nicht mehr lesen.",
            f"Identität: {grouped(before.fingerprint or '')}",
            f"Das alte Gerät {old} ist abgemeldet.",
        ],
    )
    assert new != old
    assert await admin.devices() == {admin.account.device_id, new}
    assert await admin.is_signed(new)
    assert [path.name for path in aside.iterdir()] == ["session.json"]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in admin.state.iterdir() if path.name != "lock"}
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
    assert await admin.start() == before


async def test_everything_but_the_identity_is_lost(admin: Administrator) -> None:
    """Nobody knows the old device any more: it stays in the account's list, and is named there."""
    before = await admin.start()
    old = admin.device_id
    shutil.rmtree(admin.state)
    assert await recover(admin.config, admin.terminal(), recovery_key_file=None, keep_device=False, forget_old=True) == 0
    assert admin.lines[0] == f"Angemeldet als neues Gerät {admin.device_id}; von einem alten war nichts übrig."
    assert admin.lines[-1] == "Welches das alte Gerät war, ist nicht mehr bekannt; netzwart device list zeigt alle."
    assert await admin.devices() == {admin.account.device_id, old, admin.device_id}
    assert await admin.start() == before


async def test_twice_in_a_row(admin: Administrator) -> None:
    """What was set aside before stays where it is."""
    await admin.start()
    for count in (1, 2):
        assert await recover(admin.config, admin.terminal(), recovery_key_file=None, keep_device=False, forget_old=False) == 0
        assert len(list(admin.state.glob("old-*"))) == count
    assert all(list(path.glob("*.sqlite")) for path in admin.state.glob("old-*"))


async def test_a_power_cut_while_the_old_store_is_moved(admin: Administrator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login goes first: no start meets one without its store. Calling the verb again ends well."""
    before = await admin.start()

    rename, left = Path.rename, 0

    def until_the_cut(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return rename(path, target)

    for survives in range(2):
        left = survives
        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", until_the_cut)
            with pytest.raises(KeyboardInterrupt):
                await recover(admin.config, admin.terminal(), recovery_key_file=None, keep_device=False, forget_old=False)
        assert (admin.state / "session.json").exists() is (survives == 0)
    assert await recover(admin.config, admin.terminal(), recovery_key_file=None, keep_device=False, forget_old=False) == 0
    assert await admin.start() == before


async def test_a_damaged_login(admin: Administrator) -> None:
    """`run` refuses it; this is the way out."""
    await admin.start()
    (admin.state / "session.json").write_text("{")
    assert await recover(admin.config, admin.terminal(), recovery_key_file=None, keep_device=False, forget_old=False) == 0
    assert await admin.is_signed(admin.device_id)


async def test_not_while_the_bot_runs(admin: Administrator) -> None:
    """Its store would be taken away from under it."""
    await admin.start()
    before = admin.device_id
    with sessions.lock(admin.state), pytest.raises(StoreInUse):
        await recover(admin.config, admin.terminal(), recovery_key_file=None, keep_device=False, forget_old=False)
    assert admin.device_id == before
    assert await admin.devices() == {admin.account.device_id, before}


@pytest.mark.parametrize("problem", ["password", "key", "recovery key"])
async def test_what_cannot_be_recovered_is_left_as_it_is(admin: Administrator, problem: str) -> None:
    """No new device stays behind, and the old one is still in use."""
    await admin.start()
    before, key = admin.device_id, None
    if problem == "password":
        (admin.folder / "password").write_text("wrong")
    elif problem == "key":
        (admin.folder / "identity.key").write_text("wrong")
    else:
        key = admin.folder / "recovery"
        key.write_text("EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d")
    with pytest.raises((LoginFailed, IdentityTrouble)):
        await recover(admin.config, admin.terminal(), recovery_key_file=key, keep_device=False, forget_old=True)
    assert await admin.devices() == {admin.account.device_id, before}
    assert admin.device_id == before
    assert list(admin.state.glob("old-*")) == []


async def test_recovering_does_not_overwrite_anothers_identity(admin: Administrator) -> None:
    """The new device works, but the identity is somebody else's: said, and exit status 1."""
    await admin.start()
    theirs = await replaced(admin)
    assert await recover(admin.config, admin.terminal(), recovery_key_file=None, keep_device=False, forget_old=False) == 1
    assert admin.lines[-1].startswith(f"Identität: jemand hat sie ersetzt! Auf dem Homeserver steht {grouped(theirs.fingerprint)}")


async def test_with_an_issued_token(admin: Administrator) -> None:
    """It cannot log in by itself: how to issue another is said, with everything filled in."""
    (admin.folder / "token").write_text(admin.account.access_token)
    admin.configure(f'access_token_file = "token"\ndevice_id = "{admin.account.device_id}"')
    assert await recover(admin.config, admin.terminal(), recovery_key_file=None, keep_device=False, forget_old=False) == 2
    (line,) = admin.lines
    assert f"curl -X POST {admin.config.matrix.homeserver}/_matrix/client/v3/login" in line
    assert f'"user": "{admin.account.user_id}"' in line


# share, and what comes back


async def shared(admin: Administrator) -> Path:
    """Share the identity; return a file with the recovery key."""
    assert await share(admin.config, admin.terminal(), replace=False) == 0
    path = admin.folder / "recovery"
    path.write_text(admin.lines[1] + "\n")
    return path


async def test_the_files_are_lost_but_the_recovery_key_is_not(admin: Administrator) -> None:
    """The same identity lies there again, and the same device goes on: nothing is asked of anybody."""
    before = await admin.start()
    key, device = await shared(admin), admin.device_id
    for name in ("identity.json", "identity.key"):
        (admin.folder / name).unlink()

    assert await recover(admin.config, admin.terminal(), recovery_key_file=key, keep_device=True, forget_old=False) == 0

    assert admin.lines == [
        f"Die Identität {grouped(before.fingerprint or '')} liegt wieder hier.",
        f"Das Gerät {device} ist beglaubigt.",
    ]
    assert await admin.start() == before
    assert admin.device_id == device


async def test_what_is_kept_already_is_left_alone(admin: Administrator) -> None:
    """The recovery key was not needed: the files stay as they are."""
    await admin.start()
    key, before = await shared(admin), (admin.folder / "identity.json").read_bytes()
    assert await recover(admin.config, admin.terminal(), recovery_key_file=key, keep_device=True, forget_old=False) == 0
    assert (admin.folder / "identity.json").read_bytes() == before


async def test_everything_is_lost_but_the_recovery_key(admin: Administrator) -> None:
    """A new machine: a new device of the same identity."""
    before = await admin.start()
    key = await shared(admin)
    shutil.rmtree(admin.state)
    for name in ("identity.json", "identity.key"):
        (admin.folder / name).unlink()
    assert await recover(admin.config, admin.terminal(), recovery_key_file=key, keep_device=False, forget_old=False) == 0
    assert await admin.start() == before


async def test_a_stored_identity_that_is_not_the_accounts_any_more(admin: Administrator) -> None:
    """It would not be of use to anybody: kept files are not replaced by it."""
    await admin.start()
    key, before = await shared(admin), admin.seeds
    await replaced(admin)
    with pytest.raises(IdentityTrouble, match="liegt eine andere Identität"):
        await recover(admin.config, admin.terminal(), recovery_key_file=key, keep_device=True, forget_old=False)
    assert admin.seeds == before


async def test_the_recovery_key_is_shown_once(admin: Administrator) -> None:
    """And a second one only if told to. After a reset, that the stored identity is old is said."""
    await admin.start()
    key = (await shared(admin)).read_text().strip()
    assert sum(key in line for line in admin.lines) == 1
    with pytest.raises(IdentityTrouble, match="--replace"):
        await share(admin.config, admin.terminal(), replace=False)
    assert await reset(admin.config, admin.terminal(), yes=True, password_file=None) == 0
    assert admin.lines[-1] == "Im Geheimnisspeicher liegt noch die alte Identität: netzwart device share --replace"
    assert await share(admin.config, admin.terminal(), replace=True) == 0
    assert key not in admin.lines


async def test_only_ours_is_shared(admin: Administrator) -> None:
    await admin.start()
    await replaced(admin)
    with pytest.raises(IdentityTrouble, match="jemand hat sie ersetzt"):
        await share(admin.config, admin.terminal(), replace=False)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00"])
async def test_a_recovery_key_file_that_is_no_good(admin: Administrator, content: bytes | None) -> None:
    await admin.start()
    path = admin.folder / "recovery"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(IdentityTrouble, match="recovery"):
        await recover(admin.config, admin.terminal(), recovery_key_file=path, keep_device=True, forget_old=False)
    assert await recover(admin.config, admin.terminal(), recovery_key_file=None, keep_device=True, forget_old=False) == 2


# check


async def test_checking_before_and_after_the_first_start(admin: Administrator) -> None:
    """Nothing wrong before, nothing made by looking; all right afterwards."""
    path, key = admin.folder / "identity.json", admin.folder / "identity.key"
    assert await admin.checked() == [
        f"! {path}: noch keine Identität; netzwart run legt sie an.",
        "! Identität: noch keine auf dem Homeserver; netzwart run legt sie an.",
    ]
    assert (path.exists(), (await admin.keys())["master_keys"]) == (False, {})
    standing = await admin.start()
    before = await admin.keys()
    assert await admin.checked() == [
        f"✓ {path}: die Identität ist da, und der Schlüssel passt.",
        f"! {key} liegt im selben Ordner wie die Identität: wer ihn hat, kann sich als der Bot ausgeben (matrix.identity_key_file).",
        f"✓ Identität: {grouped(standing.fingerprint or '')}",
        f"✓ Das Gerät {admin.device_id} ist beglaubigt.",
    ]
    assert await admin.keys() == before


async def test_checking_finds_what_is_wrong(admin: Administrator) -> None:
    """A device that is not signed; an identity that is not ours; one that is not here; a key that does not fit."""
    standing = await admin.start()
    (admin.folder / "keys").mkdir()
    shutil.move(admin.folder / "identity.key", admin.folder / "keys" / "identity.key")
    admin.configure('identity_key_file = "keys/identity.key"', instead_of='identity_key_file = "identity.key"\n')
    shutil.rmtree(admin.state)
    session = await login(admin.config.matrix)
    async with with_store(admin.config.matrix, session, new=True) as device:
        await upload_keys(device)
    assert (await admin.checked())[1:] == [
        f"✓ Identität: {grouped(standing.fingerprint or '')}",
        f"✗ Das Gerät {session.device_id} ist nicht beglaubigt: netzwart device sign",
    ]
    theirs = grouped((await replaced(admin)).fingerprint)
    (line,) = (await admin.checked())[1:]
    assert line.startswith(
        f"✗ Identität: jemand hat sie ersetzt! Auf dem Homeserver steht {theirs}, hier liegt {grouped(standing.fingerprint or '')}."
    )
    (admin.folder / "keys" / "identity.key").write_text("wrong")
    (line,) = await admin.checked()
    assert line.startswith("✗ Der Schlüssel in ")
    (admin.folder / "identity.json").unlink()
    assert (await admin.checked())[1].startswith(
        f"✗ Identität: auf dem Homeserver steht {theirs}, aber ihre Schlüssel liegen nicht"
    )


# The command line


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every verb has help, and what has to be mended is one line and status 2."""
    monkeypatch.setenv("NETZWART_LANGUAGE", "de")
    (tmp_path / "password").write_text("geheim")
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(url="http://127.0.0.1:1", user_id="@netzwart:netz.example"))
    for verb in ("list", "sign", "reset", "share"):
        assert CliRunner().invoke(cli, ["device", verb, "--help"]).exit_code == 0
        ended = CliRunner().invoke(cli, ["device", verb, "--config", str(config)])
        assert (ended.exit_code, ended.output.count("\n")) == (2, 1)
        assert ended.output.startswith(f"In {tmp_path / 'state'} liegt keine Anmeldung.")
    assert CliRunner().invoke(cli, ["device", "recover", "--help"]).exit_code == 0
