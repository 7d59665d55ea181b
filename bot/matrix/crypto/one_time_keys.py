"""Our own keys at the homeserver: the device's, the one-time keys, and the fallback key (specification v1.18, 11.12.3).

nio knows no fallback key, takes an explicit count of 0 for "unknown", and uploads before it saves: a crash in between would make every
later upload fail.
"""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any

import structlog

from bot.errors import NetzwartError, text
from bot.matrix.crypto.server import Server, refusal
from bot.matrix.crypto.values import object_of

log = structlog.get_logger(__name__)

_ALGORITHMS = ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"]
_KIND = "signed_curve25519"


class StoreLost(NetzwartError):
    """The homeserver knows this device with other keys: its store is gone, and without it the device is of no use any more."""

    def __init__(self, device_id: str) -> None:
        super().__init__(device_id)
        self.text = text(
            "Der Homeserver kennt das Gerät %(device)s mit anderen Schlüsseln: sein Speicher in state_dir ist verloren oder vertauscht."
            " Lege ihn zurück, oder melde ein neues Gerät an: netzwart device recover",
            device=device_id,
        )


class KeyUploads:
    """Keeps the homeserver supplied with our keys. `olm` is nio's machine, with its store loaded."""

    def __init__(self, server: Server, olm: Any) -> None:
        self._server = server
        self._olm = olm

    async def upload(self, counts: Mapping[str, int] | None = None, unused_fallbacks: Collection[str] | None = None) -> None:
        """Upload what is missing, by what a sync said of it (None: it said nothing).

        `counts`: unclaimed one-time keys by kind; `unused_fallbacks`: the kinds whose fallback key nobody has used. Raises
        `StoreLost`, and as `Server.call`: then it is due again after the next sync.
        """
        account = self._olm.account
        body: dict[str, Any] = {}
        if not account.shared:
            await self._check_not_lost()
            body["device_keys"] = self._signed({"algorithms": _ALGORITHMS, **self._names(), "keys": self._identity()})
            counts = {_KIND: 0}
        if counts is not None and _KIND in counts:
            self._generate(account.max_one_time_keys - counts[_KIND])
        if not account.shared or (unused_fallbacks is not None and _KIND not in unused_fallbacks):
            self._generate_fallback()
        body |= self._unpublished()
        if body:
            self._olm.save_account()  # first: a key that was uploaded and not saved could never be used, nor uploaded again
            await self._post(body)

    async def _post(self, body: dict[str, Any]) -> None:
        status, answer = await self._server.ask("POST", "/keys/upload", body)
        if (
            status == HTTPStatus.BAD_REQUEST
        ):  # these ids are taken, by a life of this store that was rolled back: go on with the next
            log.error("one_time_keys_taken", reason=answer.get("error"), effect="new ones are uploaded after the next sync")
        elif status != HTTPStatus.OK:
            raise refusal(answer, status)
        account = self._olm.account
        account.shared = account.shared or status != HTTPStatus.BAD_REQUEST
        account.mark_keys_as_published()
        self._olm.save_account()

    async def _check_not_lost(self) -> None:
        """Raises `StoreLost` if the homeserver has other keys for this device than we have."""
        olm = self._olm
        answer = await self._server.call("POST", "/keys/query", {"device_keys": {olm.user_id: [olm.device_id]}})
        known = object_of(object_of(answer.get("device_keys")).get(olm.user_id)).get(olm.device_id)
        if known is not None and object_of(known).get("keys") != self._identity():
            raise StoreLost(olm.device_id)

    def _generate(self, wanted: int) -> None:
        """Generate as many as are missing; those of an upload that did not come through are offered again."""
        account = self._olm.account
        missing = wanted - len(account.one_time_keys["curve25519"])
        if missing > 0:
            account.generate_one_time_keys(missing)

    def _generate_fallback(self) -> None:
        vodozemac = self._vodozemac()
        if not vodozemac.fallback_key:
            vodozemac.generate_fallback_key()

    def _unpublished(self) -> dict[str, Any]:
        one_time = self._olm.account.one_time_keys["curve25519"]
        fallback = {key_id: key.to_base64() for key_id, key in self._vodozemac().fallback_key.items()}
        found = {
            "one_time_keys": {f"{_KIND}:{key_id}": self._signed({"key": key}) for key_id, key in one_time.items()},
            "fallback_keys": {
                f"{_KIND}:{key_id}": self._signed({"key": key, "fallback": True}) for key_id, key in fallback.items()
            },
        }
        return {name: keys for name, keys in found.items() if keys}

    def _vodozemac(self) -> Any:
        return self._olm.account._account  # noqa: SLF001  (nio does not hand out what it has no fallback keys for)

    def _names(self) -> dict[str, str]:
        return {"user_id": self._olm.user_id, "device_id": self._olm.device_id}

    def _identity(self) -> dict[str, str]:
        keys = self._olm.account.identity_keys
        return {f"{kind}:{self._olm.device_id}": keys[kind] for kind in ("curve25519", "ed25519")}

    def _signed(self, value: dict[str, Any]) -> dict[str, Any]:
        signature = self._olm.sign_json(value)
        return {**value, "signatures": {self._olm.user_id: {f"ed25519:{self._olm.device_id}": signature}}}
