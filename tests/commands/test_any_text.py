"""Whatever people type: an answer in whole sentences, never a traceback, and nothing typed becomes markup."""

import json
import time
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.rendering.content import MOST_BYTES
from tests.conversation import Conversation, Written, registry

OURS = {"p", "ul", "li", "strong", "em", "code", "br", "a", "del"}
"""Tags of our own templates; a coordinator's Markdown may make more."""

WENT_WRONG = "schiefgegangen"

names = st.sampled_from(sorted({name for command in registry().commands for name in command.names}))
typed = st.text(
    st.one_of(st.characters(exclude_categories=()), st.sampled_from("<>&\"'„“»«*_`[]()#|~:,-/\\%{}\n\t\0\u202e\u200b\ud800😀ü")),
    max_size=200,
)
beginnings = st.sampled_from(["", "an ", "an hessen ", "an hessen, ", "labor-1 ", "labor-1:", "1 ", "status ", "https://", "<b>"])
places = st.sampled_from(
    [("anke", "lab:bremen"), ("karla", "coordination"), ("fatma", "direct"), ("nora", "network"), ("xaver", "unknown")]
)
often = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Tags(HTMLParser):
    """Collects the tags of some HTML, and fails where they are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.links: list[str | None] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.links += [value for name, value in attrs if name == "href"]
        if tag not in ("br", "hr"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("br", "hr"):
            assert self._open.pop() == tag


def check(written: list[Written], sender: str) -> None:
    for row in written:
        if row.event_type == "m.reaction":
            continue
        assert WENT_WRONG not in row.content["body"]
        assert row.content["body"].strip()
        tags = Tags(row.content["formatted_body"])
        assert tags.found <= OURS
        assert set(tags.links) <= {f"https://matrix.to/#/@{sender}:example.org"}, "nobody is mentioned but who asked"
        assert row.content["m.mentions"] in ({}, {"user_ids": [f"@{sender}:example.org"]})
        row.content["body"].encode()  # no half characters


@often
@given(names, beginnings, typed, places)
async def test_any_arguments(netz: Conversation, name: str, beginning: str, text: str, place: tuple[str, str]) -> None:
    person, room = place
    if name in ("rundruf", "broadcast", "sprache", "language"):
        person, room = "anke", "lab:bremen"  # a broadcast's Markdown has a test of its own
    await netz.say(person, room, f"!netz {name} {beginning}{text}")
    check(netz.written, person)


@often
@given(typed, places)
async def test_any_words(netz: Conversation, text: str, place: tuple[str, str]) -> None:
    person, room = place
    await netz.say(person, room, f"!netz {text}")
    check(netz.written, person)
    await netz.say(person, "direct", text)
    check(netz.written, person)


@often
@given(beginnings, typed)
async def test_any_broadcast(netz: Conversation, beginning: str, text: str) -> None:
    """Markdown may make more tags, but they are balanced and none is the coordinator's own HTML."""
    await netz.say("karla", "coordination", f"!netz rundruf {beginning}{text}")
    for row in netz.written:
        if row.event_type != "m.reaction":
            assert WENT_WRONG not in row.content["body"]
            assert not {"script", "img", "b", "style"} & Tags(row.content["formatted_body"]).found


PIECES = (
    "a",
    "ä ",
    '"',
    "„ ",
    "'a ",
    "“a ",
    "\n",
    "labor ",
    "﷽",
    "&",
    "<",
    "\u0301",
    "*a",
    "[](",
    "> ",
    "an ",
    "hessen,",
    ":",
    "- ",
    "`",
)


@pytest.mark.parametrize(
    "name", ["", "labor", "labore", "suche", "hilfe", "bericht", "bericht abgegeben labor-1", "rundruf", "rundruf an"]
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, ids=[""])  # what takes long is taking the words apart
async def test_messages_as_long_as_matrix_allows(netz: Conversation, name: str) -> None:
    for piece in PIECES:
        began = time.monotonic()
        await netz.say("karla", "coordination", f"!netz {name} {piece * (65_000 // len(piece.encode()))}")
        assert time.monotonic() - began < 2, f"the bot stood still for {piece!r}"
        for row in netz.written:
            assert row.event_type == "m.reaction" or WENT_WRONG not in row.content["body"]
            assert len(json.dumps(row.content, ensure_ascii=False).encode()) <= MOST_BYTES
