"""Whom a reminder mentions, and which lab words begin with."""

from datetime import UTC, date, datetime

import pytest

from bot.domain.chat_words import user_ids
from bot.domain.contacts import Contact, ContactRole, after_leading_name, whom_to_mention

SINCE = datetime(2020, 1, 1, tzinfo=UTC)
TODAY = date(2020, 10, 30)
CONTACTS = [
    Contact("bremen", ContactRole.DEPUTY, "@deputy", SINCE),
    Contact("bremen", ContactRole.CONTACT, "@contact", SINCE),
    Contact("research", ContactRole.DEPUTY, "@fatma", SINCE),
]


@pytest.mark.parametrize(
    ("away", "debtor", "expected"),
    [
        ({}, "bremen", ("@contact", "@deputy")),
        ({"@contact": TODAY}, "bremen", ("@deputy",)),  # the last day away is one
        ({"@contact": date(2020, 10, 29)}, "bremen", ("@contact", "@deputy")),
        ({"@deputy": TODAY}, "bremen", ("@contact",)),
        ({"@contact": TODAY, "@deputy": date(2021, 1, 1)}, "bremen", ()),
        ({}, "research", ("@fatma",)),
        ({}, "wuerzburg", ()),
    ],
)
def test_the_contact_then_the_deputy_then_nobody(away: dict[str, date], debtor: str, expected: tuple[str, ...]) -> None:
    """Whoever is away is passed over; a lab without contacts mentions nobody."""
    assert whom_to_mention(CONTACTS, away, debtor, TODAY) == expected


NAMES = {"bremen": "bremen", "bremen und region": "bremen", "essen, luenen, landkreis wesel": "essen", "essen": "stadt"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", (None, "")),
        ("ich", (None, "ich")),
        ("Bremen ich", ("bremen", "ich")),
        ("Bremen und Region: @a:b", ("bremen", "@a:b")),
        ("Essen, Lünen, Landkreis Wesel  @a:b", ("essen", "@a:b")),
        ("Essen @a:b", ("stadt", "@a:b")),
        ("„Bremen“\nAnke", ("bremen", "Anke")),
        ("Anke Bremen", (None, "Anke Bremen")),
    ],
)
def test_the_longest_name_at_the_beginning(words: str, expected: tuple[str | None, str]) -> None:
    """Names of labs have commas and spaces in them."""
    assert after_leading_name(words, NAMES) == expected


def test_user_ids_in_text() -> None:
    """As typed, in brackets, at the end of a sentence, with a port; an address of another kind is none."""
    assert user_ids("@anke:example.org, (@b.c=d/e:matrix.example.org:8448) und @x:y.") == [
        "@anke:example.org",
        "@b.c=d/e:matrix.example.org:8448",
        "@x:y",
    ]
    assert user_ids("[Anke](https://matrix.to/#/@anke:example.org)") == ["@anke:example.org"]
    assert user_ids("anke@example.org @anke @:x @ü:example.org @" + "a" * 260 + ":b") == []
