"""Broadcasts: preview, confirmation by any coordinator, once to every lab's room."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.db import deliveries
from bot.db.engine import Database
from tests.commands.conftest import PEOPLE
from tests.conversation import Conversation, Said, example_network, notice, user_id

LAB_ROOMS = [room for room in PEOPLE if room.startswith("lab:")]
BUTTONS = [Said("coordination", "reaction", "✅"), Said("coordination", "reaction", "❌")]


def preview(number: int, words: str, to: str, *more: str) -> list[Said]:
    until = "✅ verschickt, ❌ verwirft. Das gilt bis 12. Oktober 2020, 09:30."
    return [notice("coordination", f"Rundruf {number}: Vorschau", "", words, "", to, *more, "", until), *BUTTONS]


TO_ALL = "Geht an 13 Laborräume."


async def test_to_all_labs(netz: Conversation) -> None:
    said = "!netz rundruf **Einladung** zum 2. Workshop:\n- anmelden\n- kommen"
    assert await netz.say("karla", "coordination", said) == preview(1, "Einladung zum 2. Workshop:\n\n• anmelden\n• kommen", TO_ALL)
    assert "<strong>Einladung</strong> zum 2. Workshop:" in netz.written[0].content["formatted_body"]

    done, *notices = await netz.react("konrad", "coordination", "broadcast-preview:1", "✅")
    assert done == notice("coordination", "Rundruf 1 ist unterwegs in 13 Laborräume. Ob er da ist: !netz rundruf status 1")
    words = "Rundruf der Koordination\n\nEinladung zum 2. Workshop:\n\n• anmelden\n• kommen"
    assert sorted(notices) == sorted(Said(room, "text", words) for room in LAB_ROOMS)
    assert [row.key for row in netz.written[1:]] == [f"broadcast:1:{room}" for room in LAB_ROOMS_IN_ORDER]


LAB_ROOMS_IN_ORDER = [f"lab:{lab.key}" for lab in example_network().labs]


@pytest.mark.parametrize(
    ("addressed", "labs"),
    [
        ("an hessen", "Bergstraße · Marburg-Biedenkopf"),
        ("An Hessen:", "Bergstraße · Marburg-Biedenkopf"),
        ("to Hesse", "Bergstraße · Marburg-Biedenkopf"),
        ("an hessen, bremen", "Bergstraße · Bremen und Region · Marburg-Biedenkopf"),
        ("an hessen,bremen,", "Bergstraße · Bremen und Region · Marburg-Biedenkopf"),
        (
            "an „Open Data“, Bremen:",
            "Bad Belzig und Wiesenburg · Bremen und Region · Merzenich und Kerpen · Regionallabor Niederrhein",
        ),
        ("an open source", "Merseburg und Schkopau"),
        ("an Essen, Lünen, Landkreis Wesel, Oberrhein", "Essen, Lünen, Landkreis Wesel · Region Oberrhein"),
        ("an merzenich und kerpen", "Merzenich und Kerpen"),
        ("an Wuerzburg und Gerbrunn", "Würzburg und Gerbrunn"),
        ("an marburg–biedenkopf", "Marburg-Biedenkopf"),
        ("an moers", "Regionallabor Niederrhein"),
    ],
)
async def test_to_some(netz: Conversation, addressed: str, labs: str) -> None:
    count = labs.count(" · ") + 1
    to = f"Geht an {count} Laborräume: {labs}." if count > 1 else f"Geht an einen Laborraum: {labs}."
    if addressed.endswith(","):
        addressed = addressed.removesuffix(",") + ":"
    assert await netz.say("karla", "coordination", f"!netz rundruf {addressed} Guten Tag") == preview(1, "Guten Tag", to)


@pytest.mark.parametrize("addressed", ["an alle", "An alle:", "an alle Labore:", "to everyone", "an hessen, alle"])
async def test_to_all_by_name(netz: Conversation, addressed: str) -> None:
    assert await netz.say("karla", "coordination", f"!netz rundruf {addressed} Guten Tag") == preview(1, "Guten Tag", TO_ALL)


async def test_a_text_that_begins_with_an(netz: Conversation) -> None:
    (refused,) = await netz.say("karla", "coordination", "!netz rundruf An diesem Freitag ist zu")
    assert refused.words.startswith(
        "»diesem« ist kein Labor, kein Land und kein Thema. Möglich ist: alle; Länder: Baden-Württemberg, Bayern,"
    )
    assert refused.words.endswith("Soll der Text selbst mit »an« beginnen, setz ihn in Anführungszeichen oder fang anders an.")
    quoted = "!netz rundruf „An diesem Freitag ist zu“"
    assert await netz.say("karla", "coordination", quoted) == preview(1, "An diesem Freitag ist zu", TO_ALL)
    quoted = "!netz rundruf an bremen: „An diesem Freitag ist zu“"
    assert await netz.say("karla", "coordination", quoted) == preview(
        2, "An diesem Freitag ist zu", "Geht an einen Laborraum: Bremen und Region."
    )


async def test_a_near_miss_of_an_addressee(netz: Conversation) -> None:
    (refused,) = await netz.say("karla", "coordination", "!netz rundruf an hesen Guten Tag")
    assert refused.words.startswith(
        "»hesen« ist kein Labor, kein Land und kein Thema. Meintest du Hessen · Essen? Möglich ist: alle;"
    )


@pytest.mark.parametrize(
    "said", ["rundruf", "rundruf an hessen", "rundruf an alle:", "rundruf an", "rundruf \u200b", "rundruf „“", "rundruf [a]: /b"]
)
async def test_without_a_text(netz: Conversation, said: str) -> None:
    """Also a Markdown definition, which shows nothing."""
    assert await netz.say("karla", "coordination", f"!netz {said}") == [
        notice(
            "coordination",
            "Da fehlt noch etwas: text.",
            "",
            "So geht es: !netz rundruf [an <wen>] [am <zeit>] <text>",
            "Zum Beispiel: !netz rundruf an hessen Bitte meldet euch bis Freitag an.",
        )
    ]


async def test_too_long(netz: Conversation) -> None:
    assert await netz.say("karla", "coordination", f"!netz rundruf {'a' * 15_001}") == [
        notice("coordination", "Der Text ist zu lang: 15001 Zeichen, höchstens 15000 gehen.")
    ]
    assert await netz.say("karla", "coordination", f"!netz rundruf {'🐟' * 14_000}") == [
        notice(
            "coordination",
            "Der Text ist zu groß für eine Nachricht. Bitte kürz ihn oder leg ihn anderswo ab und schick den Link.",
        )
    ]
    (shown, *_) = await netz.say("karla", "coordination", f"!netz rundruf {'Umlaut ü & ' * 1_300}")
    assert shown.words.startswith("Rundruf 1: Vorschau")


async def test_markup_of_a_coordinator_is_markdown_only(netz: Conversation) -> None:
    await netz.say("karla", "coordination", '!netz rundruf <b>du</b> [hier](javascript:alert) <img src="x"> @room ~~alt~~')
    html = netz.written[0].content["formatted_body"]
    assert '&lt;b&gt;du&lt;/b&gt; [hier](javascript:alert) &lt;img src="x"&gt; @room <del>alt</del>' in html.replace(
        "<s>", "<del>"
    ).replace("</s>", "</del>")
    await netz.react("karla", "coordination", "broadcast-preview:1", "✅")
    assert {str(row.content["m.mentions"]) for row in netz.written} == {"{}"}


async def test_discarded(netz: Conversation) -> None:
    await netz.say("karla", "coordination", "!netz rundruf Guten Tag")
    assert await netz.react("karla", "coordination", "broadcast-preview:1", "❌") == [
        notice("coordination", "Rundruf 1 ist verworfen; niemand hat ihn bekommen.")
    ]
    assert await netz.react("konrad", "coordination", "broadcast-preview:1", "✅") == [
        notice("coordination", "Rundruf 1 hat @karla:example.org schon verworfen.")
    ]


async def test_confirmed_twice(netz: Conversation) -> None:
    await netz.say("karla", "coordination", "!netz rundruf Guten Tag")
    await netz.react("konrad", "coordination", "broadcast-preview:1", "✅")
    for symbol in "✅❌":
        assert await netz.react("karla", "coordination", "broadcast-preview:1", symbol) == [
            notice("coordination", "Rundruf 1 hat @konrad:example.org schon verschickt.")
        ]


async def test_two_coordinators_at_once(netz: Conversation) -> None:
    """One wins, and every lab gets it once."""
    await netz.say("karla", "coordination", "!netz rundruf Guten Tag")
    clicks = [(person, symbol) for symbol in "✅❌" for person in ("karla", "konrad")]
    await asyncio.gather(*(netz.click(person, "coordination", "broadcast-preview:1", symbol) for person, symbol in clicks))
    said = await netz.what_was_said()
    decided = [answer for answer in said if answer.room == "coordination" and "schon" not in answer.words]
    assert len(decided) == 1
    in_labs = [answer.room for answer in said if answer.room != "coordination"]
    assert sorted(in_labs) == (sorted(LAB_ROOMS) if "unterwegs" in decided[0].words else [])


async def test_expired(netz: Conversation) -> None:
    await netz.say("karla", "coordination", "!netz rundruf Guten Tag")
    netz.clock.shown += timedelta(minutes=30)
    assert await netz.react("karla", "coordination", "broadcast-preview:1", "✅") == [
        notice(
            "coordination",
            "Die Vorschau von Rundruf 1 ist abgelaufen, verschickt ist nichts. Bitte schreib ihn noch einmal.",
        )
    ]
    assert await netz.say("karla", "coordination", "!netz rundruf status") == [
        notice(
            "coordination",
            "Rundruf 1, von @karla:example.org, 12. Oktober 2020, 09:00",
            "Die Vorschau ist abgelaufen; niemand hat ihn bekommen.",
        )
    ]


async def test_other_reactions_mean_nothing(netz: Conversation) -> None:
    await netz.say("karla", "coordination", "!netz rundruf Guten Tag")
    for symbol in ("👍", "✔️", "x"):
        assert await netz.react("karla", "coordination", "broadcast-preview:1", symbol) == []


async def test_a_labs_check_mark_under_the_notice_means_nothing(netz: Conversation) -> None:
    """Labs thank with a ✅; nobody may be told off for it."""
    await netz.say("karla", "coordination", "!netz rundruf Guten Tag")
    await netz.react("karla", "coordination", "broadcast-preview:1", "✅")
    assert await netz.react("anke", "lab:bremen", "broadcast:1:lab:bremen", "✅") == []


async def test_only_coordinators_confirm(netz: Conversation) -> None:
    await netz.say("karla", "coordination", "!netz rundruf Guten Tag")
    assert await netz.react("anke", "coordination", "broadcast-preview:1", "✅") == [
        notice("coordination", "Das darf nur, wer in »Koordination« ist.")
    ]


async def test_a_reaction_from_another_room_decides_nothing(netz: Conversation) -> None:
    """A relation is only one within its room; a server may say otherwise."""
    await netz.say("karla", "coordination", "!netz rundruf Guten Tag")
    assert await netz.react("karla", "network", "broadcast-preview:1", "✅") == []
    assert (await netz.react("karla", "coordination", "broadcast-preview:1", "✅"))[0].room == "coordination"


async def test_asked_in_a_direct_chat_the_preview_is_for_all_coordinators(netz: Conversation) -> None:
    said = await netz.say("karla", "direct", "rundruf Guten Tag")
    assert said[0].room == "coordination"
    assert said[0].words.startswith(f"Antwort für {user_id('karla')}:\n\nRundruf 1: Vorschau\n")
    assert said[1:] == [*BUTTONS, notice("direct", "Die Antwort steht in »Koordination«.")]


async def test_a_lab_without_a_room_is_named_and_left_out(database: Database) -> None:
    rooms = {key: people for key, people in PEOPLE.items() if key not in ("lab:bergstrasse", "lab:essen-luenen-wesel")}
    netz = await Conversation.begin(database, rooms)
    assert await netz.say("karla", "coordination", "!netz rundruf an hessen, essen Guten Tag") == preview(
        1,
        "Guten Tag",
        "Geht an einen Laborraum: Marburg-Biedenkopf. Ohne Raum, daher nichts an: Bergstraße · Essen, Lünen, Landkreis Wesel.",
    )
    assert await netz.say("karla", "coordination", "!netz rundruf an bergstraße Guten Tag") == [
        notice("coordination", "Keines dieser Labore hat einen Raum, den ich kenne.")
    ]


async def test_every_room_gets_it_in_its_language(netz: Conversation) -> None:
    await netz.say("anke", "lab:bremen", "!netz sprache en")
    await netz.say("karla", "coordination", "!netz rundruf an bremen, bergstrasse Guten Tag")
    said = await netz.react("karla", "coordination", "broadcast-preview:1", "✅")
    assert said[1:] == [
        Said("lab:bergstrasse", "text", "Rundruf der Koordination\n\nGuten Tag"),
        Said("lab:bremen", "text", "Broadcast from the coordinators\n\nGuten Tag"),
    ]


async def test_status(netz: Conversation) -> None:
    assert await netz.say("karla", "coordination", "!netz rundruf status") == [
        notice("coordination", "Es gab noch keinen Rundruf.")
    ]
    await netz.say("karla", "coordination", "!netz rundruf an hessen, bremen Guten Tag")
    assert await netz.say("karla", "coordination", "!netz rundruf status") == [
        notice(
            "coordination",
            "Rundruf 1, von @karla:example.org, 12. Oktober 2020, 09:00",
            "Wartet bis 12. Oktober 2020, 09:30 auf ✅ oder ❌.",
        )
    ]
    await netz.click("karla", "coordination", "broadcast-preview:1", "✅")
    async with netz.database.begin() as session:
        rows = {row.key: row.id for row in await deliveries.with_prefix(session, "broadcast:1:")}
        await deliveries.mark_sent(session, rows["broadcast:1:lab:bremen"], "$there", netz.clock.now())
        await deliveries.claim(session, by="D", now=netz.clock.now(), alive=(), most=9)
        await deliveries.mark_failed(session, rows["broadcast:1:lab:bergstrasse"], "gone", netz.clock.now(), by="D")
    status = (
        "Rundruf 1, von @karla:example.org, 12. Oktober 2020, 09:00",
        "In 1 von 3 Räumen angekommen.",
        "Wartet noch (1): Marburg-Biedenkopf",
        "Nicht zustellbar (1): Bergstraße",
    )
    assert (await netz.say("karla", "direct", "rundruf status 1"))[-1] == notice("direct", *status)
    assert await netz.say("karla", "coordination", "!netz rundruf status 7") == [
        notice("coordination", "Einen Rundruf 7 gibt es nicht.")
    ]


async def test_status_of_a_discarded_one(netz: Conversation) -> None:
    await netz.say("karla", "coordination", "!netz rundruf Guten Tag")
    await netz.react("konrad", "coordination", "broadcast-preview:1", "❌")
    assert await netz.say("karla", "coordination", "!netz rundruf status") == [
        notice(
            "coordination",
            "Rundruf 1, von @karla:example.org, 12. Oktober 2020, 09:00",
            "Verworfen von @konrad:example.org; niemand hat ihn bekommen.",
        )
    ]


AT_NINE = "Geplant für Freitag, 30. Oktober 2020, 09:00."
WITHDRAWABLE = "Bis dahin zieht ein ❌ unter der Vorschau ihn zurück."


def planned(number: int, words: str, to: str, *, until: str = "12. Oktober 2020, 09:30", at: str = AT_NINE) -> list[Said]:
    lines = (f"Rundruf {number}: Vorschau", "", words, "", to, at, "", f"✅ bestätigt, ❌ verwirft. Das gilt bis {until}.")
    return [notice("coordination", *lines), *BUTTONS]


@pytest.mark.parametrize(
    ("said", "to"),
    [
        ("am 30.10.2020 um 9 Uhr Guten Tag", TO_ALL),
        ("on 30.10. at 9 am: „Guten Tag“", TO_ALL),
        ("an bremen am 30.10.2020 9:00 Guten Tag", "Geht an einen Laborraum: Bremen und Region."),
        ("am 2020-10-30T09:00 an bremen: Guten Tag", "Geht an einen Laborraum: Bremen und Region."),
        ("am Freitag in 2 Wochen um neun Guten Tag", TO_ALL),
    ],
)
async def test_with_a_time(netz: Conversation, said: str, to: str) -> None:
    """Whom and when come in any order: nothing may go to everybody because of that."""
    assert await netz.say("karla", "coordination", f"!netz rundruf {said}") == planned(1, "Guten Tag", to)


async def test_a_preview_holds_no_longer_than_until_its_time(netz: Conversation) -> None:
    until = "12. Oktober 2020, 09:10"
    assert await netz.say("karla", "coordination", "!netz rundruf am 12.10. um 9:10 Uhr Guten Tag") == planned(
        1, "Guten Tag", TO_ALL, until=until, at="Geplant für Montag, 12. Oktober 2020, 09:10."
    )
    netz.clock.shown += timedelta(minutes=10)
    (said,) = await netz.react("karla", "coordination", "broadcast-preview:1", "✅")
    assert said.words.startswith("Die Vorschau von Rundruf 1 ist abgelaufen, verschickt ist nichts.")


async def test_a_text_that_begins_with_am(netz: Conversation) -> None:
    (refused,) = await netz.say("karla", "coordination", "!netz rundruf Am Freitag ist zu")
    assert refused.words == (
        "»Am Freitag ist zu« verstehe ich nicht als Tag mit Uhrzeit. Richtig wäre zum Beispiel »am 13.10.2020 um 9 Uhr« oder"
        " »am 2020-10-13 09:00«. Soll der Text selbst so beginnen, setz ihn in Anführungszeichen oder fang anders an."
    )
    assert await netz.say("karla", "coordination", "!netz rundruf „Am Freitag ist zu“") == preview(1, "Am Freitag ist zu", TO_ALL)
    quoted = "!netz rundruf am 30.10. 9:00 „Am Freitag ist zu“"
    assert await netz.say("karla", "coordination", quoted) == planned(2, "Am Freitag ist zu", TO_ALL)


async def test_a_time_that_comes_again_and_again(netz: Conversation) -> None:
    """A broadcast is confirmed once, and goes out once."""
    assert await netz.say("karla", "coordination", "!netz rundruf am ersten Freitag im Monat um 9 Guten Tag") == [
        notice(
            "coordination",
            "Ein Rundruf geht nur einmal hinaus. Richtig wäre zum Beispiel »am 13.10.2020 um 9 Uhr«; soll der Text selbst so beginnen,"
            " setz ihn in Anführungszeichen.",
        )
    ]


async def test_a_time_without_a_text(netz: Conversation) -> None:
    (refused,) = await netz.say("karla", "coordination", "!netz rundruf an hessen am 30.10. 9:00")
    assert refused.words.startswith("Da fehlt noch etwas: text.")


async def test_confirmed_it_waits(netz: Conversation) -> None:
    await netz.say("karla", "coordination", "!netz rundruf am 30.10. 9:00 Guten Tag")
    assert await netz.react("konrad", "coordination", "broadcast-preview:1", "✅") == [
        notice("coordination", f"Rundruf 1 ist bestätigt, geplant für Freitag, 30. Oktober 2020, 09:00. {WITHDRAWABLE}")
    ]
    assert await netz.react("karla", "coordination", "broadcast-preview:1", "✅") == [
        notice("coordination", "Rundruf 1 hat @konrad:example.org schon bestätigt.")
    ]
    assert await netz.say("karla", "coordination", "!netz rundruf status") == [
        notice("coordination", "Rundruf 1, von @karla:example.org, 12. Oktober 2020, 09:00", f"{AT_NINE} {WITHDRAWABLE}")
    ]


async def test_withdrawn(netz: Conversation) -> None:
    """By any coordinator, long after the preview has expired, and by nobody else."""
    await netz.say("karla", "coordination", "!netz rundruf am 30.10. 9:00 Guten Tag")
    await netz.react("karla", "coordination", "broadcast-preview:1", "✅")
    netz.clock.shown += timedelta(days=3)
    assert await netz.react("anke", "coordination", "broadcast-preview:1", "❌") == [
        notice("coordination", "Das darf nur, wer in »Koordination« ist.")
    ]
    assert await netz.react("konrad", "coordination", "broadcast-preview:1", "❌") == [
        notice("coordination", "Rundruf 1 ist zurückgezogen; niemand hat ihn bekommen.")
    ]
    for symbol in "✅❌":
        assert await netz.react("karla", "coordination", "broadcast-preview:1", symbol) == [
            notice("coordination", "Rundruf 1 hat @konrad:example.org schon zurückgezogen.")
        ]
    assert await netz.say("karla", "coordination", "!netz rundruf status") == [
        notice(
            "coordination",
            "Rundruf 1, von @karla:example.org, 12. Oktober 2020, 09:00",
            "Zurückgezogen von @konrad:example.org; niemand hat ihn bekommen.",
        )
    ]


async def test_what_changes_facts_says_so_and_a_question_does_not(netz: Conversation) -> None:
    """The reminder policies look again after a change: five hundred questions must not make them."""
    for person, place, said in (
        ("karla", "coordination", "!netz rundruf status"),
        ("anke", "lab:bremen", "!netz berichte"),
        ("anke", "lab:bremen", "!netz rundruf Hallo"),
    ):
        await netz.say(person, place, said)
    assert netz.changes == 0
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1")
    assert netz.changes == 1
    await netz.say("karla", "coordination", "!netz rundruf am 30.10. 9:00 Guten Tag")
    await netz.react("karla", "coordination", "broadcast-preview:1", "✅")
    assert netz.changes == 3


async def test_a_network_without_labs(database: Database) -> None:
    empty = replace(example_network(), labs=())
    netz = await Conversation.begin(database, {"coordination": ["karla"], "network": [], "research": []}, empty)
    assert await netz.say("karla", "coordination", "!netz rundruf Guten Tag") == [
        notice("coordination", "Keines dieser Labore hat einen Raum, den ich kenne.")
    ]
