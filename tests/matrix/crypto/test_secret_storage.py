"""Secret storage: the recovery key that others write, ciphertext that others read, and nothing overwritten unasked."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.demo.api import client
from bot.demo.homeserver import Homeserver
from bot.matrix.crypto.identity_file import new_seeds
from bot.matrix.crypto.secret_storage import (
    ALGORITHM,
    NoRecoveryKey,
    SecretStorage,
    StorageTrouble,
    decrypt,
    describe,
    encrypt,
    from_recovery_key,
    is_described,
    recovery_key,
)
from bot.matrix.crypto.signing import from_unpadded, unpadded
from bot.rendering import catalogue
from tests.matrix.crypto.signing_account import SigningAccount, signing_account

KEY = bytes(range(32))
NAME = "m.cross_signing.master"


def test_the_recovery_key_that_everybody_writes() -> None:
    """The example of libolm's and matrix-js-sdk's tests."""
    key = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    assert recovery_key(key) == "EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d"


def test_a_key_that_another_program_has_described() -> None:
    """The example of matrix-rust-sdk's tests."""
    key = from_recovery_key("EsTj 3yST y93F SLpB jJsz eAXc 2XzA ygD3 w69H fGaN TKBj jXEd")
    described = {"algorithm": ALGORITHM, "iv": "xv5b6/p3ExEw++wTyfSHEg==", "mac": "ujBBbXahnTAMkmPUX2/0+VTfUh63pGyVRuBcDMgmJC8="}
    assert is_described(key, described)
    assert not is_described(KEY, described)


@given(st.binary(min_size=32, max_size=32))
def test_every_recovery_key_can_be_read_again(key: bytes) -> None:
    written = recovery_key(key)
    assert from_recovery_key(written) == from_recovery_key(f" {written.replace(' ', '')}\n") == key
    assert [len(group) for group in written.split()] == [4] * 12


@pytest.mark.parametrize(
    "written",
    [
        "",
        "EsTc",
        "0OIl",
        "1" * 48,
        "z" * 48,
        "z" * 100_000,
        "EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4e",
        "ü",
        "Passwort",
    ],
    ids=range(9),
)
def test_what_is_no_recovery_key(written: str) -> None:
    with pytest.raises(NoRecoveryKey):
        from_recovery_key(written)


@given(st.binary(max_size=100), st.text(max_size=20))
def test_a_secret_can_be_read_again(plain: bytes, name: str) -> None:
    assert decrypt(KEY, name, encrypt(KEY, name, plain)) == plain


def test_bit_63_of_every_counter_is_0() -> None:
    """Some implementations count in 64 bits and would go wrong."""
    assert not any(from_unpadded(encrypt(KEY, NAME, b"x")["iv"])[8] & 0x80 for _ in range(64))


def test_a_secret_under_another_name_or_key() -> None:
    """A homeserver that swaps secrets is noticed."""
    sealed = encrypt(KEY, NAME, b"seed")
    for key, name in ((KEY, "m.cross_signing.self_signing"), (bytes(32), NAME)):
        with pytest.raises(ValueError, match="another key"):
            decrypt(key, name, sealed)


@pytest.mark.parametrize("part", ["iv", "ciphertext", "mac"])
@pytest.mark.parametrize("value", [None, 3, "", "AA", "nö", [], {}])
def test_anything_may_come_instead_of_a_secret(part: str, value: Any) -> None:
    sealed: dict[str, Any] = {**encrypt(KEY, NAME, b"seed"), part: value}
    with pytest.raises(ValueError, match=r"no encrypted|another key|base64|characters|padding"):
        decrypt(KEY, NAME, sealed)


@pytest.mark.parametrize("change", [{"algorithm": "other"}, {"iv": 3}, {"iv": "AA"}, {"mac": None}, {"mac": "nö"}, {"iv": None}])
def test_a_description_that_makes_no_sense(change: dict[str, Any]) -> None:
    assert is_described(KEY, describe(KEY))
    assert not is_described(KEY, {**describe(KEY), **change})


# At a homeserver


async def account_data(own: SigningAccount, kind: str) -> dict[str, Any]:
    return await own.api.request("GET", client("user", own.user_id, "account_data", kind))


async def test_an_identity_is_stored_and_fetched(homeserver: Homeserver, tmp_path: Path) -> None:
    """In the form that clients know; the homeserver has only ciphertext."""
    async with signing_account(homeserver, tmp_path) as own:
        seeds, storage = new_seeds(), SecretStorage(own.server, own.user_id)
        assert await storage.default_key() is None

        written = await storage.put(seeds, replace=False)

        assert await storage.get(written) == seeds
        key_id = (await account_data(own, "m.secret_storage.default_key"))["key"]
        assert key_id == await storage.default_key()
        description = await account_data(own, f"m.secret_storage.key.{key_id}")
        assert (description["algorithm"], set(description)) == (ALGORITHM, {"algorithm", "name", "iv", "mac"})
        stored = await account_data(own, NAME)
        assert set(stored["encrypted"][key_id]) == {"iv", "ciphertext", "mac"}
        assert decrypt(from_recovery_key(written), NAME, stored["encrypted"][key_id]) == unpadded(seeds.master).encode()
        assert unpadded(seeds.master) not in json.dumps(stored)


async def test_a_storage_that_is_there_is_left_alone(homeserver: Homeserver, tmp_path: Path) -> None:
    """Somebody's recovery key would be worth nothing all at once. Only when told to."""
    async with signing_account(homeserver, tmp_path) as own:
        storage, seeds = SecretStorage(own.server, own.user_id), new_seeds()
        first = await storage.put(seeds, replace=False)
        with pytest.raises(StorageTrouble) as caught:
            await storage.put(new_seeds(), replace=False)
        assert "--replace" in catalogue("de").say(caught.value.text)
        assert await storage.get(first) == seeds

        replacing = new_seeds()
        second = await storage.put(replacing, replace=True)

        assert await storage.get(second) == replacing
        with pytest.raises(StorageTrouble):
            await storage.get(first)


async def test_what_cannot_be_fetched(homeserver: Homeserver, tmp_path: Path) -> None:
    """Each has its own sentence: no storage, a mistyped key, another key, half an identity."""
    async with signing_account(homeserver, tmp_path) as own:
        storage = SecretStorage(own.server, own.user_id)
        assert (await refused(storage, recovery_key(KEY))).startswith("Das Konto hat keinen Geheimnisspeicher")
        written = await storage.put(new_seeds(), replace=False)
        assert (await refused(storage, written[:-1] + "x")).startswith("Das ist kein Wiederherstellungsschlüssel")
        assert (await refused(storage, recovery_key(KEY))).startswith("Dieser Wiederherstellungsschlüssel gehört nicht")
        for content in ({}, {"encrypted": []}, {"encrypted": {await storage.default_key(): "x"}}):
            await own.api.request("PUT", client("user", own.user_id, "account_data", NAME), content)
            assert (await refused(storage, written)).endswith("liegt keine ganze Identität.")


async def refused(storage: SecretStorage, written: str) -> str:
    with pytest.raises(StorageTrouble) as caught:
        await storage.get(written)
    return catalogue("de").say(caught.value.text)
