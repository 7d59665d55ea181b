"""Files that people post in rooms, as far as they can be shown again elsewhere. What people's programs write may be anything."""

from collections.abc import Mapping
from typing import Any, cast

from bot.domain.chat_words import one_line
from bot.domain.reports import HandedInFile

_KINDS = ("m.file", "m.image", "m.audio", "m.video")
_LONGEST_NAME = 200
_LONGEST_VALUE = 500
_LARGEST = 10**12  # bytes
_MXC = "mxc://"


def posted_file(content: Mapping[str, Any]) -> HandedInFile | None:
    """Return the file that a message's content posts, None if it posts none (Client-Server API v1.18, 11.2.1.6 to 11.2.1.9)."""
    name = content.get("filename", content.get("body"))
    if content.get("msgtype") not in _KINDS or not isinstance(name, str):
        return None
    where = _where(content)
    if where is None:
        return None
    shown = one_line(name, _LONGEST_NAME) or "–"
    kept: dict[str, Any] = {"msgtype": content["msgtype"], "body": shown, "filename": shown, "m.mentions": {}}
    return HandedInFile(shown, {**kept, "info": _info(content.get("info")), **where})


def _where(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where it lies, with its key if it is encrypted (`EncryptedFile`, 11.2.1.8)."""
    file = content.get("file")
    if file is None:
        return {"url": content["url"]} if _is_mxc(content.get("url")) else None
    if not isinstance(file, dict):
        return None
    said = cast("dict[str, Any]", file)
    key, hashes = said.get("key"), said.get("hashes")
    if not (_is_mxc(said.get("url")) and isinstance(key, dict) and isinstance(hashes, dict) and _is_short(said.get("iv"))):
        return None
    parts = (_short_values(cast("dict[str, Any]", key)), _short_values(cast("dict[str, Any]", hashes)))
    if "k" not in parts[0] or "sha256" not in parts[1]:
        return None
    return {"file": {"url": said["url"], "key": parts[0], "iv": said["iv"], "hashes": parts[1], "v": "v2"}}


def _short_values(values: Mapping[str, Any]) -> dict[str, Any]:
    known = ("kty", "key_ops", "alg", "k", "ext", "sha256")
    return {name: values[name] for name in known if name in values and (name == "key_ops" or _is_short(values[name]))} | (
        {"key_ops": ["encrypt", "decrypt"]} if "key_ops" in values else {}
    )


def _info(info: object) -> dict[str, Any]:
    said = cast("dict[str, Any]", info) if isinstance(info, dict) else {}
    found: dict[str, Any] = {}
    if _is_short(said.get("mimetype")) and isinstance(said["mimetype"], str):
        found["mimetype"] = said["mimetype"]
    for name in ("size", "w", "h"):
        number = said.get(name)
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= _LARGEST:
            found[name] = number
    return found


def _is_mxc(url: object) -> bool:
    return isinstance(url, str) and url.startswith(_MXC) and len(url) <= _LONGEST_VALUE and url == one_line(url, _LONGEST_VALUE)


def _is_short(value: object) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and len(value) <= _LONGEST_VALUE)
