"""Messages that carry a file or picture, their words as its caption (Client-Server API v1.18, 11.2.1.6 to 11.2.1.9)."""

from collections.abc import Mapping
from typing import Any

_PICTURE, _FILE = "m.image", "m.file"


def with_file(
    content: Mapping[str, object], *, name: str, mimetype: str, length: int, size: tuple[int, int] | None = None
) -> dict[str, object]:
    """Return the message `content` as one that carries a file of `length` bytes; where it lies is added when it is uploaded.

    `size`: width and height of a picture, in pixels. A `filename` beside the `body` makes the body a caption (since v1.10).
    """
    info: dict[str, object] = {"mimetype": mimetype, "size": length}
    if size is not None:
        info |= {"w": size[0], "h": size[1]}
    picture = mimetype.startswith("image/")
    return {**content, "msgtype": _PICTURE if picture else _FILE, "filename": name, "info": info}


def carries_file(content: Mapping[str, object]) -> bool:
    """Whether this message needs a file that is still to be uploaded."""
    return content.get("msgtype") in (_PICTURE, _FILE) and "url" not in content and "file" not in content


def words_alone(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the message without its file."""
    return {name: value for name, value in content.items() if name not in ("filename", "info")} | {"msgtype": "m.notice"}
