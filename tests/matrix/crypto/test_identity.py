"""The identity at a homeserver: established once, never overwritten unasked, and no device signed that is not what it should be."""

import asyncio
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from bot.demo.api import client
from bot.demo.homeserver import Homeserver
from bot.errors import ChatUnavailable
from bot.matrix.crypto.identity import (
    Device,
    DeviceNotSigned,
    Identity,
    IdentityNotKept,
    Kind,
    Standing,
    establish,
    grouped,
    public_parts,
)
from bot.matrix.crypto.identity_file import IdentityFile, IdentityTrouble, new_seeds
from bot.matrix.crypto.interactive_auth import PersonNeeded, authenticated
from bot.matrix.crypto.secret_storage import SecretStorage
from bot.matrix.crypto.signing import is_signed, public_key, sign, unpadded
from bot.rendering import catalogue
from tests.e2e.between import Between, nothing
from tests.matrix.crypto.signing_account import SigningAccount, signing_account

UPLOAD, SIGNATURES, QUERY = "/keys/device_signing/upload", "/keys/signatures/upload", "/keys/query"


@pytest_asyncio.fixture(loop_scope="session")
async def between(homeserver: Homeserver) -> AsyncIterator[Between]:
    """What our device takes for its homeserver."""
    async with Between(homeserver.url) as between:
        await between.open()
        yield between


@pytest_asyncio.fixture(loop_scope="session")
async def own(homeserver: Homeserver, between: Between, tmp_path: Path) -> AsyncIterator[SigningAccount]:
    """A fresh account, whose device speaks through `between`."""
    async with signing_account(homeserver, tmp_path, url=between.url) as own:
        yield own


def seen(between: Between, *, after: Callable[[web.Request], Awaitable[web.Response | None]] = nothing) -> list[str]:
    """Write down the paths of what is asked from now on."""
    paths: list[str] = []

    async def note(request: web.Request) -> web.Response | None:
        paths.append(request.path.removeprefix("/_matrix/client/v3"))
        return await after(request)

    between.before = note
    return paths


def answering(path: str, *answers: tuple[int, Any]) -> Callable[[web.Request], Awaitable[web.Response | None]]:
    """Answer requests to a path with these, one after the other, the last for ever. A None hands on."""
    waiting = iter(answers)
    last: tuple[int, Any] = answers[0]

    async def interfere(request: web.Request) -> web.Response | None:
        nonlocal last
        if not request.path.endswith(path):
            return None
        last = next(waiting, last)
        return None if last[1] is None else web.json_response(last[1], status=last[0])

    return interfere


def said(error: IdentityTrouble) -> str:
    return catalogue("de").say(error.text)


# Establishing


async def test_a_first_start_makes_an_identity_and_signs_its_device(own: SigningAccount) -> None:
    """Every link of the chain is there for others: master key, self-signing key, device."""
    standing = await establish(own.server, own.device, own.file, None)

    seeds = own.file.load()
    assert seeds is not None
    assert standing == Standing(Kind.OURS, seeds.fingerprint, device_signed=True)
    keys = await own.keys()
    master, self_signing = (keys[section][own.user_id] for section in ("master_keys", "self_signing_keys"))
    device = keys["device_keys"][own.user_id][own.device.device_id]
    own_master, own_self_signing = public_key(seeds.master), public_key(seeds.self_signing)
    assert master["keys"] == {f"ed25519:{own_master}": own_master}
    assert is_signed(self_signing, by=own_master, user_id=own.user_id, key_id=own_master)
    assert is_signed(keys["user_signing_keys"][own.user_id], by=own_master, user_id=own.user_id, key_id=own_master)
    assert is_signed(device, by=own_self_signing, user_id=own.user_id, key_id=own_self_signing)


async def test_later_starts_change_nothing(own: SigningAccount, between: Between) -> None:
    """A changed key would want the password, and every signature makes all clients look again."""
    first = await establish(own.server, own.device, own.file, None)
    asked = seen(between)
    assert await establish(own.server, own.device, own.file, None) == first
    assert set(asked) == {QUERY}


async def test_a_crash_before_the_upload(own: SigningAccount) -> None:
    """The seeds are kept first: the next start uploads the same ones."""
    seeds = own.file.create()
    standing = await establish(own.server, own.device, own.file, None)
    assert standing == Standing(Kind.OURS, seeds.fingerprint, device_signed=True)


@pytest.mark.parametrize("path", [UPLOAD, SIGNATURES])
@pytest.mark.parametrize("handed_on", [False, True])
async def test_a_call_whose_answer_is_lost(own: SigningAccount, between: Between, path: str, *, handed_on: bool) -> None:
    """Done or not, nobody knows: trying again ends well, with the same identity."""
    lost = answering(path, (502, {"errcode": "M_UNKNOWN"}))
    if handed_on:
        between.after = lost
    else:
        between.before = lost
    with pytest.raises(ChatUnavailable):
        await establish(own.server, own.device, own.file, None)
    seeds = own.file.load()
    assert seeds is not None
    between.before = between.after = nothing
    assert await establish(own.server, own.device, own.file, None) == Standing(Kind.OURS, seeds.fingerprint, device_signed=True)


async def test_replicas_that_start_at_once_share_one_identity(own: SigningAccount) -> None:
    """Each with its own view of the same files: one makes the identity, all of them use it. Synapse answers some with 500: once more."""

    async def start() -> Standing:
        file = IdentityFile(own.file.path, own.file.key_file, own.user_id)
        while True:
            with suppress(ChatUnavailable):
                return await establish(own.server, own.device, file, None)

    standings = await asyncio.gather(*(start() for _ in range(4)))

    assert len(set(standings)) == 1
    assert standings[0].device_signed


async def test_another_accounts_files(homeserver: Homeserver, own: SigningAccount, tmp_path: Path) -> None:
    """Two bots with sibling state folders must not share them by accident."""
    await establish(own.server, own.device, own.file, None)
    async with signing_account(homeserver, tmp_path) as other:
        with pytest.raises(IdentityTrouble, match="gehört zu"):
            await establish(other.server, other.device, other.file, None)


async def test_somebody_replaced_it(own: SigningAccount, between: Between) -> None:
    """Said, with both keys; neither overwritten nor signed with, even though the password is there."""
    before = await establish(own.server, own.device, own.file, None)
    theirs = new_seeds()
    await Identity(own.server, own.user_id).upload(theirs, own.account.password, replacing=True)
    asked = seen(between)

    standing = await establish(own.server, own.device, own.file, own.account.password)

    assert standing == Standing(Kind.REPLACED, before.fingerprint, theirs.fingerprint)
    assert set(asked) == {QUERY}


async def test_an_identity_that_is_not_kept(own: SigningAccount, between: Between) -> None:
    """The files are lost: what to do is said, and the account's identity is left alone. No new file hides the loss."""
    await establish(own.server, own.device, own.file, None)
    seeds = own.file.load()
    own.file.path.unlink()
    asked = seen(between)

    with pytest.raises(IdentityNotKept) as caught:
        await establish(own.server, own.device, own.file, own.account.password)

    assert said(caught.value).endswith("oder gib dem Konto eine neue: netzwart device reset")
    assert seeds is not None
    assert grouped(seeds.fingerprint) in said(caught.value)
    assert not own.file.path.exists()
    assert UPLOAD not in asked
    await SecretStorage(own.server, own.user_id).put(seeds, replace=False)
    with pytest.raises(IdentityNotKept) as caught:
        await establish(own.server, own.device, own.file, None)
    assert said(caught.value).endswith("netzwart device recover --keep-device --recovery-key DATEI")


async def test_a_replacement_that_a_crash_left_unfinished(own: SigningAccount) -> None:
    """The homeserver had the new identity already, the file not: the start after it puts the file in order."""
    await establish(own.server, own.device, own.file, None)
    seeds = new_seeds()
    own.file.stage(seeds)
    await Identity(own.server, own.user_id).upload(seeds, own.account.password, replacing=True)

    assert await Identity(own.server, own.user_id).look(own.file) == Standing(Kind.OURS, seeds.fingerprint)
    standing = await establish(own.server, own.device, own.file, None)

    assert standing == Standing(Kind.OURS, seeds.fingerprint, device_signed=True)
    assert (own.file.load(), own.file.staged()) == (seeds, None)


async def test_a_replacement_that_never_came_to_the_homeserver(own: SigningAccount) -> None:
    """What was only prepared is not used, and does no harm if it is damaged."""
    before = await establish(own.server, own.device, own.file, None)
    own.file.stage(new_seeds())
    assert await establish(own.server, own.device, own.file, None) == before
    own.file.path.with_name("identity.json.next").write_text("{")
    assert await establish(own.server, own.device, own.file, None) == before


async def test_looking_changes_nothing(own: SigningAccount, between: Between) -> None:
    """`state` is what `check` asks."""
    asked, identity, seeds = seen(between), Identity(own.server, own.user_id), new_seeds()
    device_id = own.device.device_id
    assert await identity.state(None, device_id) == Standing(Kind.NOTHING, None)
    assert await identity.state(seeds, device_id) == Standing(Kind.NOTHING, seeds.fingerprint)
    assert set(asked) == {QUERY}
    kept = await establish(own.server, own.device, own.file, None)
    assert await identity.state(own.file.load(), device_id) == kept
    assert await identity.state(None) == Standing(Kind.NOT_KEPT, None, kept.fingerprint)
    assert await identity.state(seeds) == Standing(Kind.REPLACED, seeds.fingerprint, kept.fingerprint)


# Interactive authentication


async def test_a_changed_key_wants_the_password(own: SigningAccount) -> None:
    await establish(own.server, own.device, own.file, None)
    seeds, identity = new_seeds(), Identity(own.server, own.user_id)
    with pytest.raises(PersonNeeded, match="--password-file"):
        await identity.upload(seeds, None, replacing=True)
    with pytest.raises(PersonNeeded, match="nimmt das Passwort von"):
        await identity.upload(seeds, "wrong", replacing=True)
    assert (await identity.state(seeds)).kind is Kind.REPLACED
    await identity.upload(seeds, own.account.password, replacing=True)
    assert (await identity.state(seeds)).kind is Kind.OURS


async def test_the_password_is_not_used_to_overwrite(own: SigningAccount) -> None:
    """The homeserver seemed to have nothing, wants a password all the same, and turns out to have an identity."""
    await establish(own.server, own.device, own.file, None)
    with pytest.raises(IdentityNotKept):
        await Identity(own.server, own.user_id).upload(new_seeds(), own.account.password, replacing=False)


@pytest.mark.parametrize(
    ("stages", "completed"), [(["m.login.dummy", "m.login.password"], ["m.login.dummy"]), (["m.login.password"], [])]
)
async def test_the_password_after_another_stage(
    own: SigningAccount, between: Between, stages: list[str], completed: list[str]
) -> None:
    """Homeservers may want a stage before that anybody can do."""
    bodies: list[Any] = []
    asking = {"session": "s", "flows": [{"stages": ["m.login.sso"]}, {"stages": stages}], "params": {}}
    answers = itertools.chain([asking], [{**asking, "completed": completed}] if completed else [], itertools.repeat({}))

    async def ask(request: web.Request) -> web.Response | None:
        if not request.path.endswith(UPLOAD):
            return None
        bodies.append((await request.json()).get("auth"))
        answer = next(answers)
        return web.json_response(answer, status=401 if answer else 200)

    between.before = ask
    await Identity(own.server, own.user_id).upload(new_seeds(), "geheim", replacing=True)
    password = {
        "type": "m.login.password",
        "session": "s",
        "identifier": {"type": "m.id.user", "user": own.user_id},
        "password": "geheim",
    }
    assert bodies == [None, *([{"type": "m.login.dummy", "session": "s"}] if completed else []), password]


@pytest.mark.parametrize("stage", ["m.oauth", "org.matrix.cross_signing_reset"])
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://account.example.org/?action=org.matrix.cross_signing_reset", True),
        ("http://account.example.org/", False),
        ("javascript:alert(1)", False),
        ("https://account.example.org/\x1b[2J", False),
        ("https://ok.example.org@evil.example.org/", False),
        ("https://account.example.org/ $(reboot)", False),
        ("https://[", False),
        ("https://" + "a" * 2000, False),
        (7, False),
    ],
    ids=range(9),
)
async def test_a_homeserver_that_wants_a_person(
    own: SigningAccount, between: Between, stage: str, url: object, *, shown: bool
) -> None:
    """Logins are somebody else's there: the command for its administrator, and the address if it is one to send people to."""
    answer = {"session": "dummy", "flows": [{"stages": [stage]}], "params": {stage: {"url": url}}}
    between.before = answering(UPLOAD, (401, answer))
    with pytest.raises(PersonNeeded) as caught:
        await Identity(own.server, own.user_id).upload(new_seeds(), own.account.password, replacing=True)
    sentence = said(caught.value)
    assert (
        'curl -X POST -H "Authorization: Bearer ADMIN_TOKEN" HOMESERVER/_synapse/admin/v1/users/'
        f"{own.user_id}/_allow_cross_signing_replacement_without_uia" in sentence
    )
    assert (f"öffne {url} in einem Browser" in sentence) is shown
    assert "öffne" not in sentence or shown
    assert sentence.isprintable()


async def test_a_homeserver_that_wants_something_else(own: SigningAccount, between: Between) -> None:
    """A way that nobody can go with a command: the one over Element."""
    flows = [{"stages": ["m.login.sso"]}, {"stages": ["m.login.password", "m.login.\x1bemail"]}, {"stages": "x"}, 7]
    between.before = answering(UPLOAD, (401, {"session": "s", "flows": flows}))
    with pytest.raises(PersonNeeded) as caught:
        await Identity(own.server, own.user_id).upload(new_seeds(), None, replacing=True)
    assert "--password-file" in said(caught.value)
    between.before = answering(UPLOAD, (401, {"session": "s", "flows": flows[:1]}))
    with pytest.raises(PersonNeeded) as caught:
        await Identity(own.server, own.user_id).upload(new_seeds(), own.account.password, replacing=True)
    assert "(m.login.sso)" in said(caught.value)
    assert "netzwart device recover --keep-device" in said(caught.value)


async def test_a_homeserver_that_asks_for_ever(own: SigningAccount, between: Between) -> None:
    """It never says that it is enough, and never that it is wrong."""
    asking = {"session": "s", "flows": [{"stages": ["m.login.password"]}]}
    paths = seen(between, after=answering(UPLOAD, (401, asking)))
    with pytest.raises(ChatUnavailable):
        await authenticated(own.server, "POST", UPLOAD, {}, user_id=own.user_id, password="x")
    assert len(paths) < 10


async def test_what_an_administrator_of_synapse_can_do(homeserver: Homeserver, tmp_path: Path) -> None:
    """The address in our sentence is one that this Synapse has."""
    admin = await homeserver.register(f"admin-{secrets.token_hex(3)}", admin=True)
    async with signing_account(homeserver, tmp_path) as own:
        await Identity(own.server, own.user_id).upload(new_seeds(), None, replacing=False)
        own.api.token = admin.access_token
        path = f"/_synapse/admin/v1/users/{own.user_id}/_allow_cross_signing_replacement_without_uia"
        assert set(await own.api.request("POST", path, {})) == {"updatable_without_uia_before_ms"}


# Signing


async def test_a_device_that_is_not_what_it_should_be(own: SigningAccount) -> None:
    """Somebody put another device in the place of ours, or our store is another's: its keys are not signed."""
    seeds, identity = own.file.create(), Identity(own.server, own.user_id)
    await identity.upload(seeds, None, replacing=False)
    for wrong in (
        Device(own.user_id, own.device.device_id, public_key(secrets.token_bytes(32)), own.device.curve25519),
        Device(own.user_id, own.device.device_id, own.device.ed25519, unpadded(secrets.token_bytes(32))),
    ):
        with pytest.raises(DeviceNotSigned, match="erwartet ist"):
            await identity.sign_device(seeds, wrong)
        with pytest.raises(DeviceNotSigned):
            await establish(own.server, wrong, own.file, None)
    assert await own.signers() == set()


async def test_a_device_without_keys(own: SigningAccount) -> None:
    """To be called after the upload of the keys: before, there is nothing to sign."""
    unknown = Device(own.user_id, "UNKNOWN", own.device.ed25519, own.device.curve25519)
    with pytest.raises(DeviceNotSigned, match="keine gültigen Schlüssel"):
        await establish(own.server, unknown, own.file, None)


async def test_a_homeserver_that_does_not_take_the_signature(own: SigningAccount, between: Between) -> None:
    """It answers 200 all the same: with failures, or without having kept it."""
    for answer in ({"failures": {own.user_id: {own.device.device_id: {"error": "\x1bno"}}}}, {"failures": {}}, {}, {"failures": 7}):
        between.before = answering(SIGNATURES, (200, answer))
        with pytest.raises(DeviceNotSigned) as caught:
            await establish(own.server, own.device, own.file, None)
        assert said(caught.value).isprintable()
    between.before = nothing
    assert (await establish(own.server, own.device, own.file, None)).device_signed


async def test_another_device_is_signed_with_what_was_shown(own: SigningAccount) -> None:
    """What is signed is what the homeserver shows: our own signature covers the whole of it."""
    seeds, identity = own.file.create(), Identity(own.server, own.user_id)
    await identity.upload(seeds, None, replacing=False)
    published = await identity.published()
    assert published.devices == {own.device.device_id: own.device}
    await identity.sign_device(seeds, published.devices[own.device.device_id])
    assert await own.signers() == {f"ed25519:{public_key(seeds.self_signing)}"}


# What the homeserver answers may be anything.


def _own(user_id: str, entry: object) -> dict[str, Any]:
    return {"device_keys": {user_id: {}}, "master_keys": {user_id: entry}}


KEY = public_key(bytes(32))
JUNK: list[Callable[[str], Any]] = [
    lambda _u: {},
    lambda _u: {"device_keys": None},
    lambda _u: {"device_keys": []},
    lambda u: {"device_keys": {u: 3}},
    lambda u: {"device_keys": {u: {}}, "master_keys": []},
    lambda u: {"device_keys": {u: {}}, "master_keys": "x"},
    lambda u: _own(u, 3),
    lambda u: _own(u, {}),
    lambda u: _own(u, {"user_id": u, "usage": ["master"], "keys": {}}),
    lambda u: _own(u, {"user_id": u, "usage": ["master"], "keys": {"ed25519:x": "x"}}),
    lambda u: _own(u, {"user_id": u, "usage": ["master"], "keys": {f"ed25519:{KEY}=": f"{KEY}="}}),
    lambda u: _own(u, {"user_id": u, "usage": ["master"], "keys": {f"ed25519:{KEY}": 7}}),
    lambda u: _own(u, {"user_id": u, "usage": "master", "keys": {f"ed25519:{KEY}": KEY}}),
    lambda u: _own(u, {"user_id": u, "usage": ["self_signing"], "keys": {f"ed25519:{KEY}": KEY}}),
    lambda u: _own(u, {"user_id": "@other:x", "usage": ["master"], "keys": {f"ed25519:{KEY}": KEY}}),
    lambda u: _own(u, {"user_id": u, "usage": ["master"], "keys": {f"ed25519:{KEY}": KEY, "ed25519:y": "y"}}),
    lambda u: {"device_keys": {u: {}}, "self_signing_keys": {u: public_parts(new_seeds(), u)["self_signing_key"]}},
    lambda u: {
        "device_keys": {u: {}},
        "master_keys": {u: public_parts(new_seeds(), u)["master_key"]},
        "self_signing_keys": {u: public_parts(new_seeds(), u)["self_signing_key"]},
    },
]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
async def test_an_answer_that_makes_no_sense(own: SigningAccount, between: Between, junk: Callable[[str], Any]) -> None:
    """Not taken for "there is no identity yet": nothing is made and nothing uploaded. Worth another try."""
    paths = seen(between, after=answering(QUERY, (200, junk(own.user_id))))
    with pytest.raises(ChatUnavailable):
        await establish(own.server, own.device, own.file, own.account.password)
    assert not own.file.path.exists()
    assert paths == [QUERY]


SPOILT: list[Callable[[dict[str, Any]], object]] = [
    lambda d: d.update(user_id="@other:x"),
    lambda d: d.update(device_id="OTHER"),
    lambda d: d.update(keys=[]),
    lambda d: d["keys"].clear(),
    lambda d: d.update(keys={key: f"{value}=" for key, value in d["keys"].items()}),
    lambda d: d.update(keys=dict.fromkeys(d["keys"], 7)),
    lambda d: d.update(keys=dict.fromkeys(d["keys"], "AA")),
    lambda d: d.update(signatures={}),
    lambda d: d.update(signatures=[]),
    lambda d: d.update(more="not covered by the device's own signature"),
    lambda d: d.clear(),
]


@pytest.mark.parametrize("spoil", SPOILT, ids=range(len(SPOILT)))
async def test_a_device_that_makes_no_sense(
    own: SigningAccount, between: Between, spoil: Callable[[dict[str, Any]], object]
) -> None:
    """Whatever is wrong with it, also a padded key, it is not signed."""
    seeds = own.file.create()
    await Identity(own.server, own.user_id).upload(seeds, None, replacing=False)
    keys = await own.keys()
    spoil(keys["device_keys"][own.user_id][own.device.device_id])
    between.before = answering(QUERY, (200, keys))
    with pytest.raises(DeviceNotSigned, match="keine gültigen Schlüssel"):
        await establish(own.server, own.device, own.file, None)
    assert await own.signers() == set()


async def test_signatures_of_others_are_not_passed_on(own: SigningAccount, between: Between) -> None:
    """We upload our own signature and nothing else, whatever the homeserver has put beside it."""
    uploaded: list[Any] = []

    async def note(request: web.Request) -> web.Response | None:
        if request.path.endswith(SIGNATURES):
            uploaded.append(await request.json())
        return None

    between.before = note
    standing = await establish(own.server, own.device, own.file, None)
    seeds = own.file.load()
    assert seeds is not None
    ((device,),) = ((body[own.user_id].values()) for body in uploaded)
    assert set(device["signatures"]) == {own.user_id}
    assert set(device["signatures"][own.user_id]) == {f"ed25519:{public_key(seeds.self_signing)}"}
    assert "unsigned" not in device
    assert standing.device_signed


async def test_a_self_signing_key_that_is_not_ours(own: SigningAccount, between: Between) -> None:
    """Signed by our master key, but not by us: whoever did that has our seeds. Said, and not signed over."""
    standing = await establish(own.server, own.device, own.file, None)
    seeds, other = own.file.load(), new_seeds()
    assert seeds is not None
    keys = await own.keys()
    theirs = public_parts(other, own.user_id)["self_signing_key"]
    del theirs["signatures"]
    keys["self_signing_keys"][own.user_id] = sign(theirs, seed=seeds.master, user_id=own.user_id)
    between.before = answering(QUERY, (200, keys))
    found = await establish(own.server, own.device, own.file, None)
    assert found == Standing(Kind.REPLACED, standing.fingerprint, public_key(other.self_signing))


async def test_the_seeds_never_leave(own: SigningAccount, between: Between) -> None:
    """Nothing that we send has a seed in it."""
    bodies: list[bytes] = []

    async def note(request: web.Request) -> web.Response | None:
        bodies.append(await request.read())
        return None

    between.before = note
    await establish(own.server, own.device, own.file, None)
    seeds = own.file.load()
    assert seeds is not None
    sent = b"".join(bodies).decode()
    assert json.dumps(seeds.fingerprint)[1:-1] in sent
    assert not any(unpadded(seed) in sent for seed in (seeds.master, seeds.self_signing, seeds.user_signing))


async def test_what_the_raw_api_says_is_what_we_say(own: SigningAccount) -> None:
    """The identity that people compare in their clients is the one that `device list` shows."""
    standing = await establish(own.server, own.device, own.file, None)
    keys = await own.api.request("POST", client("keys", "query"), {"device_keys": {own.user_id: []}})
    (master,) = keys["master_keys"][own.user_id]["keys"].values()
    assert grouped(master) == grouped(standing.fingerprint or "")
    assert grouped("abcdefghij") == "abcd efgh ij"


async def test_another_process_is_uploading_the_same(own: SigningAccount, between: Between) -> None:
    """Synapse asks for a password while another upload is half-way: no reason to give up."""
    seeds, keys = own.file.create(), await own.keys()
    asking = {"session": "s", "flows": [{"stages": ["m.login.password"]}]}
    keys["master_keys"] = {own.user_id: public_parts(seeds, own.user_id)["master_key"]}
    upload, query = answering(UPLOAD, (401, asking)), answering(QUERY, (200, keys))

    async def half_way(request: web.Request) -> web.Response | None:
        return await upload(request) or await query(request)

    between.before = half_way
    with pytest.raises(ChatUnavailable, match="another process"):
        await establish(own.server, own.device, own.file, None)
