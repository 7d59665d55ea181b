"""Interactive authentication: the homeserver wants to know once more who we are (specification v1.18, "User-Interactive Authentication").

A bot can give its password. Everything else needs a person, who is told what to do.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from bot.errors import Text, text
from bot.matrix.crypto.identity_file import IdentityTrouble, printable
from bot.matrix.crypto.server import Server, refusal
from bot.matrix.crypto.values import list_of, object_of, objects_of, strings_of

_PASSWORD, _DUMMY = "m.login.password", "m.login.dummy"
_BROWSER = ("m.oauth", "org.matrix.cross_signing_reset")  # the name in the specification, and the one before
_MOST_ROUNDS = 5
_LONGEST_URL = 1000


class PersonNeeded(IdentityTrouble):
    """The homeserver wants what a bot cannot do. The text says what an administrator has to do."""


async def authenticated(
    server: Server,
    method: str,
    path: str,
    body: Mapping[str, object],
    *,
    user_id: str,
    password: str | None,
    before: Callable[[], Awaitable[None]] | None = None,
) -> dict[str, Any]:
    """Call the homeserver, giving the password if it asks for it. Return its JSON.

    `before` is awaited before the password is given, and may raise. Raises `PersonNeeded`, and as `Server.call`.
    """
    status, answer = await server.ask(method, path, body)
    if status == HTTPStatus.UNAUTHORIZED and _flows(answer) and before is not None:
        await before()
    for _ in range(_MOST_ROUNDS):
        if status == HTTPStatus.OK:
            return answer
        if status != HTTPStatus.UNAUTHORIZED or not _flows(answer):
            break
        auth = _next_stage(answer, user_id, password)
        status, answer = await server.ask(method, path, {**body, "auth": auth})
        if status == HTTPStatus.UNAUTHORIZED and "errcode" in answer:
            raise PersonNeeded(text("Der Homeserver nimmt das Passwort von %(user)s nicht an.", user=user_id))
    raise refusal(answer, status)


def _next_stage(answer: dict[str, Any], user_id: str, password: str | None) -> dict[str, Any]:
    """Return the next step of the shortest way that we can go to its end. Raises `PersonNeeded` if there is none."""
    done = set(strings_of(answer.get("completed")))
    possible = {_DUMMY} | ({_PASSWORD} if password is not None else set[str]())
    ways = [[stage for stage in flow if stage not in done] for flow in _flows(answer)]
    ways = [way for way in ways if way and set(way) <= possible]
    if not ways:
        raise PersonNeeded(_what_to_do(answer, user_id))
    stage = min(ways, key=len)[0]
    auth: dict[str, Any] = {"type": stage, "session": str(answer.get("session", ""))}
    if stage == _PASSWORD:
        auth |= {"identifier": {"type": "m.id.user", "user": user_id}, "password": password}
    return auth


def _flows(answer: dict[str, Any]) -> list[list[str]]:
    """Return the ways that the homeserver offers, each a list of stages; what makes no sense is left out."""
    return [[str(stage) for stage in list_of(flow.get("stages"))] for flow in objects_of(answer.get("flows"))]


def _what_to_do(answer: dict[str, Any], user_id: str) -> Text:
    stages = {stage for flow in _flows(answer) for stage in flow}
    if stages & set(_BROWSER):
        return _in_a_browser(answer, user_id)
    if _PASSWORD in stages:
        return text(
            "Der Homeserver verlangt das Passwort von %(user)s: netzwart device reset --password-file DATEI",
            user=user_id,
        )
    return text(
        "Der Homeserver verlangt eine Anmeldung, die nur ein Mensch leisten kann (%(stages)s). Melde dich mit Element als %(user)s an,"
        " setze dort die Identität zurück und richte die Wiederherstellung ein; dann: netzwart device recover --keep-device --recovery-key"
        " DATEI",
        stages=", ".join(sorted(printable(stage) for stage in stages)) or "?",
        user=user_id,
    )


def _in_a_browser(answer: dict[str, Any], user_id: str) -> Text:
    """Synapse's admin API lets the keys be replaced for ten minutes (`UserReplaceMasterCrossSigningKeyRestServlet`)."""
    url = _url(answer)
    if url is None:
        return text(
            "Der Homeserver will, dass ein Mensch die neue Identität von %(user)s erlaubt. Auf dem Synapse-Server, für zehn Minuten:"
            ' curl -X POST -H "Authorization: Bearer ADMIN_TOKEN" HOMESERVER/_synapse/admin/v1/users/%(user)s'
            "/_allow_cross_signing_replacement_without_uia – dann dasselbe noch einmal (netzwart run oder netzwart device reset)",
            user=user_id,
        )
    return text(
        "Der Homeserver will, dass ein Mensch die neue Identität von %(user)s erlaubt: öffne %(url)s in einem Browser, der als %(user)s"
        " angemeldet ist. Oder auf dem Synapse-Server, für zehn Minuten:"
        ' curl -X POST -H "Authorization: Bearer ADMIN_TOKEN" HOMESERVER/_synapse/admin/v1/users/%(user)s'
        "/_allow_cross_signing_replacement_without_uia – dann dasselbe noch einmal (netzwart run oder netzwart device reset)",
        user=user_id,
        url=url,
    )


def _url(answer: dict[str, Any]) -> str | None:
    """Return the address that the homeserver gives, if a person may be sent there."""
    for stage in _BROWSER:
        url = object_of(object_of(answer.get("params")).get(stage)).get("url")
        if isinstance(url, str) and _harmless(url):
            return url
    return None


def _harmless(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.password is None
    except ValueError:
        return False
    return plain and len(url) <= _LONGEST_URL and url.isascii() and url.isprintable() and not set(url) & set(" \"'<>\\`$|;")
