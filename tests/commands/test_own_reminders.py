"""Own reminders: set, listed, moved, settled and deleted, by whom they concern; the answer says exactly when they come."""

import json
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from bot.db import own_reminders
from bot.domain.own_reminders import MOST_CHARACTERS, MOST_IN_ROOM, MOST_OF_PERSON, Wish
from bot.rendering.content import MOST_BYTES
from schedules.own_reminder import policy
from tests.conversation import BOT, MORNING, ZONE, Conversation, Said, notice, user_id
from tests.schedules.policies import Looking

BREMEN = "lab:bremen"
BUTTONS = [Said(BREMEN, "reaction", "💤"), Said(BREMEN, "reaction", "✅")]
HINT = "💤 eine Stunde später · ✅ erledigt"
NOT_AFTER_ALL = "Doch nicht? !netz erinnerung löschen {}"
OFFICE = "Ohne Uhrzeit nehme ich den Beginn der Bürozeit, 08:00."
NOBODY_ELSE = "Außer dir erwähne ich niemanden: das darf in diesem Raum nur, wer alle benachrichtigen darf."


def is_set(*lines: str, number: int = 1, room: str = BREMEN) -> list[Said]:
    """Return the confirmation of a reminder."""
    first, *others = lines
    return [notice(room, f"⏰ Erinnerung {number}: {first}.", *others, NOT_AFTER_ALL.format(number))]


def said(words: str, *below: str, who: str = "@anke:example.org", room: str = BREMEN) -> Said:
    """Return a reminder as it is said."""
    return Said(room, "text", "\n\n".join([f"⏰ {who}: {words}", *below]))


@pytest_asyncio.fixture(loop_scope="session")
async def guests(netz: Conversation) -> None:
    """Bernd and Dora are in Bremen's room as well: only who is there can be mentioned. The bot may notify everybody."""
    netz.members.rooms["!lab-bremen:example.org"] |= {user_id("bernd"), user_id("dora")}
    netz.members.notifiers.add(BOT)


async def at(netz: Conversation, when: str) -> list[Said]:
    """Return what comes at a time."""
    netz.clock.shown = datetime.fromisoformat(when).replace(tzinfo=ZONE)
    await Looking(netz, policy).look()
    return await netz.what_was_said()


MONDAYS = "Die nächsten Male: Montag, 19. Oktober 2020, 09:00 · Montag, 26. Oktober 2020, 09:00 · Montag, 2. November 2020, 09:00."
TUESDAYS = (
    "Die nächsten Male: Dienstag, 3. November 2020, 10:00 · Dienstag, 1. Dezember 2020, 10:00 · Dienstag, 5. Januar 2021, 10:00."
)
WORKING_DAYS = (
    "Die nächsten Male: Dienstag, 13. Oktober 2020, 09:00 · Mittwoch, 14. Oktober 2020, 09:00 ·"
    " Donnerstag, 15. Oktober 2020, 09:00."
)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("morgen 10 Uhr Protokoll schicken", ["Dienstag, 13. Oktober 2020, 10:00"]),
        ("mich morgen um halb neun Protokoll schicken", ["Dienstag, 13. Oktober 2020, 08:30"]),
        ("in 90 min Tee", ["Montag, 12. Oktober 2020, 10:30"]),
        ("am 25.10.2020 um 4 Uhr: 9 Labore", ["Sonntag, 25. Oktober 2020, 04:00"]),
        ("morgen 10 Uhr „9 Uhr ist zu früh“", ["Dienstag, 13. Oktober 2020, 10:00"]),
        ("tomorrow 10am; send the minutes", ["Dienstag, 13. Oktober 2020, 10:00"]),
        ("in 3 Tagen nachfragen", ["Donnerstag, 15. Oktober 2020, 08:00", OFFICE]),
        ("jeden Montag 9 Uhr Runde", ["jeden Montag um 09:00", MONDAYS]),
        ("am ersten Dienstag im Monat 10 Uhr Geld", ["am ersten Dienstag im Monat um 10:00", TUESDAYS]),
        ('cron "0 9 * * 1-5" Post', ["nach cron »0 9 * * 1-5«", WORKING_DAYS]),
        ("cron „0 9 * * 1-5“ Post", ["nach cron »0 9 * * 1-5«", WORKING_DAYS]),
        ("cron 0 9 * * 1-5 Post", ["nach cron »0 9 * * 1-5«", WORKING_DAYS]),
    ],
)
async def test_when(netz: Conversation, words: str, answer: list[str]) -> None:
    assert await netz.say("anke", BREMEN, f"!netz erinnern {words}") == is_set(*answer)


@pytest.mark.parametrize(
    ("words", "every"),
    [
        ("morgen 9 Uhr bis erledigt Bericht", "täglich"),
        ("morgen 9 Uhr, bis es erledigt ist: Bericht", "täglich"),
        ("morgen 9 Uhr bis erledigt alle 2 Stunden Bericht", "alle 2 Stunden"),
        ("morgen 9 Uhr bis erledigt stündlich Bericht", "stündlich"),
        ("tomorrow 9:00 until done every 3 days report", "alle 3 Tage"),
    ],
)
async def test_until_it_is_done(netz: Conversation, words: str, every: str) -> None:
    assert await netz.say("anke", BREMEN, f"!netz erinnern {words}") == is_set(
        "Dienstag, 13. Oktober 2020, 09:00", f"Danach {every} wieder, bis jemand ✅ darunter setzt."
    )


async def test_until_done_further_on_is_text(netz: Conversation) -> None:
    """Who says so of a list does not ask for repetition."""
    words = "!netz erinnern morgen 10 Uhr Liste bis erledigt abarbeiten"
    assert await netz.say("anke", BREMEN, words) == is_set("Dienstag, 13. Oktober 2020, 10:00")
    comes, *_ = await at(netz, "2020-10-13T10:00")
    assert comes == said("Liste bis erledigt abarbeiten", HINT)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("gestern 10 Uhr x", "11.10.2020 10:00 ist schon vorbei; jetzt ist es 12.10.2020 09:00."),
        ("heute x", "12.10.2020 08:00 ist schon vorbei; jetzt ist es 12.10.2020 09:00."),
        ("um halb eins essen", "»um halb eins« kann zweierlei heißen: »0:30« oder »12:30«. Schreib bitte das, was du meinst."),
        ("alle 2 Minuten x", "»alle 2 Minuten« kenne ich nur als cron, höchstens alle 15 Minuten."),
        ('cron "* * * * *" x', "»* * * * *« käme öfter als alle 15 Minuten; das ist zu oft."),
        ("morgen 10 Uhr bis erledigt alle 2 Minuten x", "Möglich ist alle 15 Minuten bis einmal im Jahr."),
        ("morgen 9 Labore", "»morgen« verstehe ich, aber nicht, ob »9 Labore« noch dazugehört."),
        ("am 28.3.2021 um 2:30 x", "02:30 gibt es am 28.03.2021 nicht, weil die Uhr vorgestellt wird."),
        ("Protokoll schicken", "»Protokoll schicken« verstehe ich nicht als Tag mit Uhrzeit."),
        ("morgen 10 Uhr", "Da fehlt noch etwas: text."),
        (
            f"morgen 10 Uhr {'x' * (MOST_CHARACTERS + 1)}",
            f"Der Text ist zu lang: {MOST_CHARACTERS + 1} Zeichen, höchstens 2000 gehen.",
        ),
    ],
)
async def test_refused(netz: Conversation, words: str, answer: str) -> None:
    """In doubt nothing is set: a reminder on the wrong day is worse than none."""
    (refused,) = await netz.say("anke", BREMEN, f"!netz erinnern {words}")
    assert refused.words.startswith(answer)
    (listed,) = await netz.say("anke", BREMEN, "!netz erinnerungen")
    assert listed.words.startswith("Hier ist keine Erinnerung offen.")


async def test_it_comes_once_in_its_room(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Protokoll schicken\n<b>heute</b> noch")
    assert await at(netz, "2020-10-13T09:59") == []
    assert await at(netz, "2020-10-13T10:00") == [said("Protokoll schicken\n<b>heute</b> noch", HINT), *BUTTONS]
    message, *reactions = netz.written
    assert message.content["m.mentions"] == {"user_ids": [user_id("anke")]}
    assert "&lt;b&gt;heute&lt;/b&gt;" in message.content["formatted_body"], "what people typed never becomes markup"
    assert [row.key for row in reactions] == [f"{message.key}:reaction-0", f"{message.key}:reaction-1"]
    assert await at(netz, "2020-10-14T10:00") == []


async def test_the_largest_text_fits_into_an_event(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, f"!netz erinnern morgen 10 Uhr {'&🐟' * (MOST_CHARACTERS // 2)}")
    await at(netz, "2020-10-13T10:00")
    assert len(str(netz.written[0].content).encode()) < MOST_BYTES


async def test_recurring_says_when_it_comes_again(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern jeden Montag 9 Uhr Runde")
    comes, *_ = await at(netz, "2020-10-19T09:00")
    assert comes == said("Runde", f"Wieder am Montag, 26. Oktober 2020, 09:00. {HINT}")
    comes, *_ = await at(netz, "2020-10-26T09:00")
    assert comes == said("Runde", f"Wieder am Montag, 2. November 2020, 09:00. {HINT}")


async def test_in_english(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz sprache en")
    assert await netz.say("anke", BREMEN, "!netz remind me every other friday at 10 until done tea") == [
        notice(
            BREMEN,
            "⏰ Reminder 1: every 2 weeks on Friday at 10:00.",
            "The next times: Friday, 16 October 2020, 10:00 · Friday, 30 October 2020, 10:00 · Friday, 13 November 2020, 10:00.",
            "After that again daily, until somebody puts a ✅ under it.",
            "Not after all? !netz reminder delete 1",
        )
    ]
    assert await netz.say("anke", BREMEN, "!netz reminders") == [
        notice(
            BREMEN,
            "Reminders in this room:",
            "",
            "• 1 · Friday, 16 October 2020, 10:00 · every 2 weeks on Friday at 10:00 · daily until it is done · tea (@anke:example.org)",
        )
    ]
    comes, *_ = await at(netz, "2020-10-16T11:00")
    late = "Late; it was meant for Friday, 16 October 2020, 10:00."
    assert comes == said("tea", late, "Again on Saturday, 17 October 2020, 10:00. 💤 an hour later · ✅ done")
    assert await netz.say("anke", BREMEN, "!netz done 1") == [
        notice(BREMEN, "Reminder 1 is done for this time; it comes again on Friday, 30 October 2020, 10:00.")
    ]


async def test_what_has_not_come_yet_is_not_done(netz: Conversation) -> None:
    """ "For this time done" would promise that the next one does not come. Once it has come, it is done by its number as well."""
    await netz.say("anke", BREMEN, "!netz erinnern jeden Tag 10 Uhr Tee")
    assert await netz.say("anke", BREMEN, "!netz erledigt 1") == [
        notice(BREMEN, "Erinnerung 1 war noch nicht dran. Soll sie gar nicht mehr kommen: !netz erinnerung löschen 1")
    ]
    assert await at(netz, "2020-10-12T10:00") != []
    (answer,) = await netz.say("anke", BREMEN, "!netz erledigt 1")
    assert answer.words == "Erinnerung 1 ist für dieses Mal erledigt; wieder kommt sie am Dienstag, 13. Oktober 2020, 10:00."


async def test_an_alarm_rings_until_it_is_done(netz: Conversation) -> None:
    assert await netz.say("anke", BREMEN, "!netz wecker um 14 Uhr Konferenz") == is_set(
        "Montag, 12. Oktober 2020, 14:00", "Danach alle 5 Minuten wieder, bis jemand ✅ darunter setzt."
    )
    assert (await at(netz, "2020-10-12T14:00"))[0] == said("Konferenz", f"Wieder am Montag, 12. Oktober 2020, 14:05. {HINT}")
    assert await at(netz, "2020-10-12T14:04") == []
    assert len(await at(netz, "2020-10-12T14:05")) == 3
    assert await netz.react("anke", BREMEN, "own-reminder:1:0", "✅") == [notice(BREMEN, "Erinnerung 1 ist erledigt.")]
    assert await netz.react("anke", BREMEN, "own-reminder:1:1", "✅") == [notice(BREMEN, "Erinnerung 1 war schon erledigt.")]
    assert await at(netz, "2020-10-12T14:10") == []


@pytest.mark.parametrize(
    ("words", "every"),
    [
        ("bis erledigt Tee", "alle 5 Minuten"),
        ("bis erledigt alle 10 Minuten Tee", "alle 10 Minuten"),
        ("bis erledigt alle 2 Stunden Tee", "alle 2 Stunden"),
        ("bis erledigt täglich Tee", "täglich"),
    ],
)
async def test_an_alarm_rings_as_often_as_it_is_told_to(netz: Conversation, words: str, every: str) -> None:
    """Its usage offers that: five minutes are what is meant if nothing is said."""
    assert await netz.say("anke", BREMEN, f"!netz wecker um 14 Uhr {words}") == is_set(
        "Montag, 12. Oktober 2020, 14:00", f"Danach {every} wieder, bis jemand ✅ darunter setzt."
    )


async def test_an_alarm_does_not_ring_all_the_time(netz: Conversation) -> None:
    (refused,) = await netz.say("anke", BREMEN, "!netz wecker um 14 Uhr bis erledigt alle 2 Minuten Tee")
    assert refused.words == "Möglich ist alle 5 Minuten bis einmal im Jahr."


async def test_put_off_by_a_reaction(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern um 14 Uhr Tee")
    await at(netz, "2020-10-12T14:00")
    netz.clock.shown += timedelta(minutes=10)
    assert await netz.react("anke", BREMEN, "own-reminder:1:0", "💤") == [
        notice(BREMEN, "💤 Erinnerung 1 kommt Montag, 12. Oktober 2020, 15:10.")
    ]
    assert await at(netz, "2020-10-12T15:09") == []
    assert (await at(netz, "2020-10-12T15:10"))[0] == said("Tee", HINT)


async def test_reactions_in_a_direct_chat(netz: Conversation) -> None:
    """A reminder that is set there belongs there, and nobody else's business."""
    await netz.say("anke", "direct", "erinnern um 14 Uhr Tee")
    assert (await at(netz, "2020-10-12T14:00"))[0] == said("Tee", HINT, room="direct")
    assert await netz.react("anke", "direct", "own-reminder:1:0", "✅") == [notice("direct", "Erinnerung 1 ist erledigt.")]
    (listed,) = await netz.say("anke", BREMEN, "!netz erinnerungen")
    assert listed.words.startswith("Hier ist keine")
    assert await netz.react("anke", "direct", "own-reminder:1:0", "👍") == []


async def test_a_reaction_by_somebody_without_a_role(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern um 14 Uhr Tee")
    await at(netz, "2020-10-12T14:00")
    assert await netz.react("xaver", BREMEN, "own-reminder:1:0", "✅") == [notice(BREMEN, "Das darf nur, wer in »Netzwerk« ist.")]
    assert await netz.react("bernd", BREMEN, "own-reminder:1:0", "💤") == [
        notice(BREMEN, "Das darf nur, wer in »Labor Bremen und Region« ist; bitte schreib es dort.")
    ]


async def test_a_reaction_in_a_room_that_is_open_to_others(netz: Conversation) -> None:
    """Being in there proves nothing as long as anybody can walk in."""
    await netz.say("anke", BREMEN, "!netz erinnern um 14 Uhr Tee")
    await at(netz, "2020-10-12T14:00")
    netz.members.open.add("!lab-bremen:example.org")
    (denied,) = await netz.react("anke", BREMEN, "own-reminder:1:0", "✅")
    assert denied.words.startswith("Das darf nur, wer in »Labor Bremen und Region« ist")


async def test_list_in_the_order_of_time(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern jeden Montag 9 Uhr Runde")
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Protokoll\nschicken")
    await netz.say("anke", BREMEN, "!netz wecker um 14 Uhr Konferenz")
    await netz.say("karla", "coordination", "!netz erinnern um 15 Uhr Geheimes")
    assert await netz.say("anke", BREMEN, "!netz erinnerungen") == [
        notice(
            BREMEN,
            "Erinnerungen in diesem Raum:",
            "",
            "• 3 · Montag, 12. Oktober 2020, 14:00 · alle 5 Minuten, bis es erledigt ist · Konferenz (@anke:example.org)",
            "• 2 · Dienstag, 13. Oktober 2020, 10:00 · Protokoll schicken (@anke:example.org)",
            "• 1 · Montag, 19. Oktober 2020, 09:00 · jeden Montag um 09:00 · Runde (@anke:example.org)",
        )
    ]


async def test_a_list_fits_into_an_event(netz: Conversation) -> None:
    """One that is too long could not be sent, and the room would get no answer at all."""
    wish = Wish(MORNING + timedelta(days=1), None, None, "&🐟" * 40)
    async with netz.database.begin() as session:
        for _ in range(MOST_IN_ROOM):
            await own_reminders.add(
                session, wish, room=BREMEN, author=user_id("a" * 200), mentions=("@room",), zone=ZONE, now=MORNING
            )
    (listed,) = await netz.say("anke", BREMEN, "!netz erinnerungen")
    assert len(json.dumps(netz.written[0].content, ensure_ascii=False).encode()) <= MOST_BYTES
    *_, last = listed.words.split("\n")
    assert last == f"{MOST_IN_ROOM - listed.words.count('•')} weitere kommen später."


async def test_deleted_by_anybody_in_the_room(netz: Conversation) -> None:
    netz.members.rooms["!lab-bremen:example.org"].add(user_id("jonas"))
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Protokoll")
    assert await netz.say("jonas", BREMEN, "!netz erinnerung löschen 1") == [notice(BREMEN, "Erinnerung 1 ist gelöscht: Protokoll")]
    assert await at(netz, "2020-10-13T10:00") == []
    await netz.say("anke", BREMEN, "!netz erinnern am 14.10. um 10 Uhr Protokoll")
    (listed,) = await netz.say("anke", BREMEN, "!netz erinnerungen")
    assert "• 2 ·" in listed.words, "a number is never given twice: it is in the keys of what was said"


async def test_from_another_room_only_by_the_author_in_a_direct_chat(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Protokoll")
    none_here = "Eine Erinnerung 1 gibt es hier nicht. Welche es gibt: !netz erinnerungen"
    for command in ("erinnerung löschen 1", "verschieben 1 morgen 12 Uhr", "erledigt 1"):
        for person, room in (("bernd", "lab:bergstrasse"), ("karla", "coordination"), ("bernd", "direct"), ("anke", "network")):
            assert await netz.say(person, room, f"!netz {command}") == [notice(room, none_here)]
    assert await netz.say("anke", "direct", "erinnerung löschen 1") == [notice("direct", "Erinnerung 1 ist gelöscht: Protokoll")]


async def test_a_reaction_after_it_was_deleted(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern jeden Tag 14 Uhr Tee")
    await at(netz, "2020-10-12T14:00")
    await netz.say("anke", BREMEN, "!netz erinnerung löschen 1")
    assert await netz.react("anke", BREMEN, "own-reminder:1:0", "💤") == [notice(BREMEN, "Diese Erinnerung gibt es nicht mehr.")]


async def test_moved(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Protokoll")
    assert await netz.say("anke", BREMEN, "!netz verschieben 1 am Freitag") == [
        notice(BREMEN, "💤 Erinnerung 1 kommt Freitag, 16. Oktober 2020, 08:00.", OFFICE)
    ]
    assert await at(netz, "2020-10-13T10:00") == []
    assert len(await at(netz, "2020-10-16T08:00")) == 3


@pytest.mark.parametrize("when", ["auf morgen 12 Uhr", "auf den 13.10. um 12 Uhr", "bis morgen 12 Uhr", "to tomorrow 12:00"])
async def test_moved_in_the_words_that_people_use(netz: Conversation, when: str) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Protokoll")
    assert await netz.say("anke", BREMEN, f"!netz verschieben 1 {when}") == [
        notice(BREMEN, "💤 Erinnerung 1 kommt Dienstag, 13. Oktober 2020, 12:00.")
    ]


async def test_of_a_rule_the_next_time_is_moved(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern jeden Montag 9 Uhr Runde")
    assert await netz.say("anke", BREMEN, "!netz verschieben 1 26.10. 9 Uhr") == [
        notice(BREMEN, "Erinnerung 1 kommt vorher ohnehin wieder, am 26.10.2020 um 09:00.")
    ]
    assert await netz.say("anke", BREMEN, "!netz verschieben 1 16.10. 11 Uhr") == [
        notice(
            BREMEN,
            "💤 Erinnerung 1 kommt Freitag, 16. Oktober 2020, 11:00.",
            "Dafür kommt sie nicht am Montag, 19. Oktober 2020, 09:00.",
        )
    ]
    comes, *_ = await at(netz, "2020-10-16T11:00")
    assert comes == said("Runde", f"Wieder am Montag, 26. Oktober 2020, 09:00. {HINT}"), "the 19th was moved, and is not said too"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("jeden Montag 9 Uhr", "Verschieben kannst du nur auf einen Zeitpunkt, zum Beispiel »morgen 10 Uhr«."),
        ("morgen 10 Uhr Tee", "»Tee« brauche ich hier nicht."),
        ("gestern 10 Uhr", "11.10.2020 10:00 ist schon vorbei; jetzt ist es 12.10.2020 09:00."),
    ],
)
async def test_not_moved(netz: Conversation, words: str, answer: str) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Protokoll")
    (refused,) = await netz.say("anke", BREMEN, f"!netz verschieben 1 {words}")
    assert refused.words.startswith(answer)


@pytest.mark.usefixtures("guests")
async def test_others_are_mentioned_only_by_who_may_notify_everybody(netz: Conversation) -> None:
    """A reminder that pings a whole room is the room's business (matrix-reminder-bot, issue 137)."""
    for number, words in enumerate(
        ("@room morgen 10 Uhr Hallo", "@bernd:example.org morgen 10 Uhr Hallo", "morgen 10 Uhr @room Hallo"), 1
    ):
        assert await netz.say("anke", BREMEN, f"!netz erinnern {words}") == is_set(
            "Dienstag, 13. Oktober 2020, 10:00", NOBODY_ELSE, number=number
        )
    await at(netz, "2020-10-13T10:00")
    mentions = [row.content["m.mentions"] for row in netz.written if row.event_type == "m.room.message"]
    assert mentions == [{"user_ids": [user_id("anke")]}] * 3


@pytest.mark.usefixtures("guests")
@pytest.mark.parametrize(
    ("words", "shown", "mentions"),
    [
        ("@room morgen 10 Uhr Hallo", "@room", {"room": True}),
        ("mich @room morgen 10 Uhr Hallo", "@anke:example.org · @room", {"user_ids": ["@anke:example.org"], "room": True}),
        ("@bernd:example.org: morgen 10 Uhr Hallo", "@bernd:example.org", {"user_ids": ["@bernd:example.org"]}),
        (
            "morgen 10 Uhr @bernd:example.org Hallo",
            "@anke:example.org · @bernd:example.org",
            {"user_ids": ["@anke:example.org", "@bernd:example.org"]},
        ),
    ],
)
async def test_who_may_has_others_mentioned(netz: Conversation, words: str, shown: str, mentions: dict[str, object]) -> None:
    netz.members.notifiers.add(user_id("anke"))
    (answer,) = await netz.say("anke", BREMEN, f"!netz erinnern {words}")
    assert f"\nErwähnt wird: {shown}\n" in answer.words
    assert netz.written[0].content["m.mentions"] == {}, "the confirmation mentions nobody"
    await at(netz, "2020-10-13T10:00")
    assert netz.written[0].content["m.mentions"] == mentions


@pytest.mark.usefixtures("guests")
async def test_the_bot_may_not_notify_everybody(netz: Conversation) -> None:
    """Its mention of all would be heard by nobody: that is said when it is set, and when it comes (matrix-reminder-bot, issue 158)."""
    netz.members.notifiers = {user_id("anke")}
    (answer,) = await netz.say("anke", BREMEN, "!netz erinnern @room morgen 10 Uhr Hallo")
    assert answer.words.split("\n")[1:3] == [
        "Erwähnt wird: @room",
        "Noch darf ich in diesem Raum nicht alle benachrichtigen; dafür muss mir jemand das Recht dazu geben.",
    ]
    powerless = "Alle benachrichtigen darf ich in diesem Raum nicht (mehr); dafür muss mir jemand das Recht dazu geben."
    assert await at(netz, "2020-10-13T10:00") == [said("Hallo", powerless, HINT), *BUTTONS]
    assert netz.written[0].content["m.mentions"] == {"user_ids": [user_id("anke")]}


@pytest.mark.usefixtures("guests")
async def test_who_is_to_be_mentioned_has_left(netz: Conversation) -> None:
    """The others are mentioned; if nobody is left, whoever set it."""
    netz.members.notifiers.add(user_id("anke"))
    await netz.say("anke", BREMEN, "!netz erinnern @bernd:example.org morgen 10 Uhr Hallo")
    await netz.say("anke", BREMEN, "!netz erinnern @bernd:example.org @dora:example.org morgen 10 Uhr Moin")
    netz.members.rooms["!lab-bremen:example.org"].discard(user_id("bernd"))
    gone = "@bernd:example.org ist nicht mehr in diesem Raum."
    came = await at(netz, "2020-10-13T10:00")
    assert [each for each in came if each.how == "text"] == [
        said("Hallo", gone, HINT),
        said("Moin", gone, HINT, who="@dora:example.org"),
    ]


@pytest.mark.usefixtures("guests")
async def test_nobody_knows_whom_a_mention_reaches(netz: Conversation) -> None:
    """The homeserver does not answer: they are mentioned as if they were there."""
    netz.members.notifiers.add(user_id("anke"))
    await netz.say("anke", BREMEN, "!netz erinnern @room morgen 10 Uhr Hallo")
    netz.members.silent.add("!lab-bremen:example.org")
    await at(netz, "2020-10-13T10:00")
    assert netz.written[0].content["m.mentions"] == {"room": True}


@pytest.mark.usefixtures("guests")
async def test_mentioned_by_a_pill(netz: Conversation) -> None:
    """A client says whom a pill means beside the text."""
    netz.members.notifiers.add(user_id("anke"))
    mentions = frozenset({user_id("bernd"), "@netzwart:example.org"})
    (answer,) = await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Bernd: Hallo", mentions=mentions)
    assert "Erwähnt wird: @anke:example.org · @bernd:example.org" in answer.words


@pytest.mark.usefixtures("guests")
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("Bernd morgen 10 Uhr Hallo", "@bernd:example.org"),
        ("@Bernd: morgen 10 Uhr Hallo", "@bernd:example.org"),
        ("Dora 10 Uhr morgen 10 Uhr Hallo", "@dora:example.org"),
        ("mich und Bernd morgen 10 Uhr Hallo", "@anke:example.org · @bernd:example.org"),
        ("Bernd, Dora 10 Uhr & @room: morgen 10 Uhr Hallo", "@bernd:example.org · @dora:example.org · @room"),
        ("[Bernd](https://matrix.to/#/@bernd:example.org) morgen 10 Uhr Hallo", "@bernd:example.org"),
    ],
)
async def test_addressed_by_a_pill(netz: Conversation, words: str, shown: str) -> None:
    """On a phone, nobody types user ids: the client writes a name, whatever it is, and says beside it whom it means."""
    netz.members.notifiers.add(user_id("anke"))
    pills = {name: who for name, who in (("Bernd", user_id("bernd")), ("Dora 10 Uhr", user_id("dora"))) if name in words}
    mentions = frozenset() if "matrix.to" in words else frozenset(pills.values())
    (answer,) = await netz.say("anke", BREMEN, f"!netz erinnern {words}", mentions=mentions, pills=pills)
    assert answer.words.split("\n")[:2] == ["⏰ Erinnerung 1: Dienstag, 13. Oktober 2020, 10:00.", f"Erwähnt wird: {shown}"]
    await at(netz, "2020-10-13T10:00")
    assert netz.written[0].content["body"].split("\n")[0].endswith(": Hallo")


@pytest.mark.usefixtures("guests")
async def test_who_is_not_in_the_room_is_not_mentioned(netz: Conversation) -> None:
    """Nothing of it would reach them, and whoever set it would believe that they had been reminded."""
    netz.members.notifiers.add(user_id("anke"))
    elsewhere = "Nicht in diesem Raum ist @nora:example.org; ich erwähne nur, wer die Erinnerung sieht."
    for number, room in ((1, BREMEN), (2, "direct")):
        assert await netz.say("anke", room, "!netz erinnern @nora:example.org morgen 10 Uhr Hallo") == is_set(
            "Dienstag, 13. Oktober 2020, 10:00", elsewhere, number=number, room=room
        )
    (answer,) = await netz.say("anke", BREMEN, "!netz erinnern @bernd:example.org @nora:example.org morgen 10 Uhr Hallo")
    assert answer.words.split("\n")[1:3] == ["Erwähnt wird: @bernd:example.org", elsewhere]
    await at(netz, "2020-10-13T10:00")
    mentions = [row.content["m.mentions"]["user_ids"] for row in netz.written if row.event_type == "m.room.message"]
    assert mentions == [[user_id("anke")], [user_id("anke")], [user_id("bernd")]]


async def test_a_name_is_whom_a_pill_means_only_if_the_message_mentions_them(netz: Conversation) -> None:
    (answer,) = await netz.say("anke", BREMEN, "!netz erinnern Bernd morgen 10 Uhr Hallo", pills={"Bernd": user_id("bernd")})
    assert answer.words.startswith("»Bernd morgen 10 Uhr Hallo« verstehe ich nicht als Tag mit Uhrzeit.")


async def test_without_an_answer_about_power_nothing_is_set(netz: Conversation) -> None:
    netz.members.no_power_known = True
    (refused,) = await netz.say("anke", BREMEN, "!netz erinnern @room morgen 10 Uhr Hallo")
    assert refused.words.startswith("Ich kann gerade nicht prüfen")
    assert len(await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Hallo")) == 1, "of oneself nobody has to be asked"


async def test_time_zone_of_a_room(netz: Conversation) -> None:
    assert await netz.say("anke", BREMEN, "!netz zeitzone") == [
        notice(BREMEN, "Uhrzeiten gelten hier in der Zeitzone Europe/Berlin; dort ist es jetzt 09:00.")
    ]
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Kaffee")
    stays = "Erinnerungen, die schon gesetzt sind, kommen weiter zu ihrer Zeit."
    assert await netz.say("anke", BREMEN, "!netz zeitzone london") == [
        notice(BREMEN, "Uhrzeiten gelten hier in der Zeitzone Europe/London; dort ist es jetzt 08:00.", stays)
    ]
    assert await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Tee") == is_set(
        "Dienstag, 13. Oktober 2020, 10:00 (Europe/London)", number=2
    )
    assert (await at(netz, "2020-10-13T10:00"))[0] == said("Kaffee", HINT)
    assert (await at(netz, "2020-10-13T11:00"))[0] == said("Tee", HINT)
    assert await netz.say("anke", BREMEN, "!netz zeitzone netzwerk") == [
        notice(BREMEN, "Uhrzeiten gelten hier in der Zeitzone Europe/Berlin; dort ist es jetzt 11:00.", stays)
    ]


async def test_no_such_time_zone(netz: Conversation) -> None:
    assert await netz.say("anke", BREMEN, "!netz zeitzone Berln") == [
        notice(
            BREMEN,
            "»Berln« ist keine Zeitzone, die ich kenne. Meintest du Europe/Berlin? Richtig wäre zum Beispiel Europe/Berlin.",
        )
    ]


async def test_no_more_than_so_many(netz: Conversation) -> None:
    for number in range(MOST_OF_PERSON):
        await netz.hear("anke", BREMEN, f"!netz erinnern morgen 10 Uhr Nummer {number}")
    await netz.what_was_said()
    assert await netz.say("anke", "network", "!netz erinnern morgen 10 Uhr noch eine") == [
        notice("network", "Du hast schon 50 Erinnerungen offen; mehr gehen nicht. Lösch bitte zuerst eine.")
    ]
    await netz.say("anke", BREMEN, "!netz erinnerung löschen 1")
    (answer,) = await netz.say("anke", "network", "!netz erinnern morgen 10 Uhr noch eine")
    assert answer.words.startswith("⏰")


async def test_what_was_said_cannot_be_put_off_beyond_that(netz: Conversation) -> None:
    """Otherwise there would be no end to what somebody has open."""
    await netz.say("anke", BREMEN, "!netz erinnern in 1 Minute Tee")
    await at(netz, "2020-10-12T09:01")
    for number in range(MOST_OF_PERSON):
        await netz.hear("anke", BREMEN, f"!netz erinnern morgen 10 Uhr Nummer {number}")
    await netz.what_was_said()
    too_many = [notice(BREMEN, "Du hast schon 50 Erinnerungen offen; mehr gehen nicht. Lösch bitte zuerst eine.")]
    assert await netz.react("anke", BREMEN, "own-reminder:1:0", "💤") == too_many
    assert await netz.say("anke", BREMEN, "!netz verschieben 1 morgen 12 Uhr") == too_many
    await netz.say("anke", BREMEN, "!netz erinnerung löschen 2")
    assert (await netz.react("anke", BREMEN, "own-reminder:1:0", "💤"))[0].words.startswith("💤 Erinnerung 1 kommt")


async def test_no_more_than_so_many_in_a_room(netz: Conversation) -> None:
    people = [f"person-{number}" for number in range(MOST_IN_ROOM // MOST_OF_PERSON)]
    netz.members.rooms["!lab-bremen:example.org"].update(map(user_id, people))
    for number in range(MOST_IN_ROOM):
        await netz.hear(people[number // MOST_OF_PERSON], BREMEN, f"!netz erinnern morgen 10 Uhr Nummer {number}")
    await netz.what_was_said()
    assert await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr noch eine") == [
        notice(BREMEN, "In diesem Raum sind schon 200 Erinnerungen offen; mehr gehen nicht. Löscht bitte zuerst eine.")
    ]


async def test_the_same_event_twice_sets_one(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Protokoll")
    assert await netz.again("anke", BREMEN, "!netz erinnern morgen 10 Uhr Protokoll") == []
    (listed,) = await netz.say("anke", BREMEN, "!netz erinnerungen")
    assert listed.words.count("•") == 1
