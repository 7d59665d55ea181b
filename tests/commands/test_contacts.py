"""Contacts and deputies of labs, and people who are away: who may name whom, and what is answered."""

from datetime import datetime

import pytest
import sqlalchemy as sa

from bot.db import contacts
from bot.db.engine import Database
from bot.db.tables import contacts as table
from bot.domain.contacts import ContactRole
from tests.commands.conftest import PEOPLE
from tests.conversation import BOT, ZONE, Conversation, Said, notice, user_id

BREMEN = "lab:bremen"
ANKE, BEATE, BERND, KARLA = map(user_id, ("anke", "beate", "bernd", "karla"))
ROOMS = {**PEOPLE, BREMEN: ["anke", "beate"], "lab:wuerzburg": ["anke-zwei", "beate"]}
"""Beate works in two labs."""


@pytest.fixture
async def netz(database: Database) -> Conversation:
    """The bot among the people of the example network."""
    return await Conversation.begin(database, ROOMS)


def shown(contact: str, deputy: str, *, room: str = BREMEN, lab: str = "Bremen und Region") -> Said:
    """Return the answer that shows whom a lab has."""
    return notice(room, lab, "", f"• Kontakt: {contact}", f"• Vertretung: {deputy}")


async def stored(netz: Conversation) -> dict[tuple[str, str], str]:
    """Return who is what, by debtor and role."""
    async with netz.database.begin() as session:
        return {(contact.debtor, contact.role): contact.user_id for contact in await contacts.every(session)}


async def test_a_lab_names_its_contact_and_deputy(netz: Conversation) -> None:
    """Whoever is named is told by a mention; shown later, nobody is disturbed."""
    assert await netz.say("anke", BREMEN, "!netz kontakt") == [shown("niemand", "niemand")]
    assert await netz.say("anke", BREMEN, "!netz kontakt ich") == [shown(ANKE, "niemand")]
    assert netz.written[0].content["m.mentions"] == {"user_ids": [ANKE]}
    assert await netz.say("anke", BREMEN, f"!netz vertretung {BEATE}") == [shown(ANKE, BEATE)]
    assert netz.written[0].content["m.mentions"] == {"user_ids": [BEATE]}
    assert await netz.say("beate", BREMEN, "!netz deputy") == [shown(ANKE, BEATE)]
    assert netz.written[0].content["m.mentions"] == {}
    assert await netz.say("beate", BREMEN, "!netz kontakt niemand") == [shown("niemand", BEATE)]
    assert await netz.say("beate", BREMEN, "!netz contact me") == [shown(BEATE, "niemand")]
    assert await stored(netz) == {("bremen", "contact"): BEATE}, "nobody stands in for themselves"
    assert netz.changes == 4, "each changed whom reminders mention"


async def test_a_pill_comes_as_a_display_name(netz: Conversation) -> None:
    """Clients put the name into the words and the user id into the mentions; ours may stand there, too."""
    both = frozenset({BOT, BEATE})
    assert await netz.say("anke", BREMEN, "Netzwart: kontakt Beate vom Amt", mentions=both) == [shown(BEATE, "niemand")]
    assert await netz.say("anke", BREMEN, "!netz vertretung Bremen Anke", mentions=frozenset({ANKE})) == [shown(BEATE, ANKE)]
    link = f"!netz kontakt [Anke Müller](https://matrix.to/#/{ANKE})"
    assert await netz.say("beate", BREMEN, link, mentions=frozenset({ANKE})) == [shown(ANKE, "niemand")]


async def test_a_mention_that_comes_with_a_reply_names_nobody(netz: Conversation) -> None:
    """Answering somebody's message mentions them; without words for a person nobody is named."""
    replied = frozenset({BEATE})
    assert await netz.say("anke", BREMEN, "!netz kontakt", mentions=replied) == [shown("niemand", "niemand")]
    assert await netz.say("anke", BREMEN, "!netz kontakt bremen", mentions=replied) == [shown("niemand", "niemand")]
    assert await netz.say("anke", BREMEN, "!netz kontakt ich", mentions=replied) == [shown(ANKE, "niemand")]


@pytest.mark.parametrize("who", ["", "Beate", "@beate", "beate@example.org", "der da drüben"])
async def test_somebody_whom_nobody_knows(netz: Conversation, who: str) -> None:
    """A name without a mention may be anybody's."""
    (answer,) = await netz.say("anke", BREMEN, f"!netz kontakt {who}")
    unknown = f"Wer ist »{who}«? Erwähne die Person mit @ oder schreib ihre Adresse, zum Beispiel @anke:example.org."
    assert answer.words == (unknown if who else shown("niemand", "niemand").words)
    assert await stored(netz) == {}


async def test_two_people_at_once(netz: Conversation) -> None:
    several = [notice(BREMEN, "Bitte nenne genau eine Person, zum Beispiel @anke:example.org.")]
    assert await netz.say("anke", BREMEN, "!netz kontakt A und B", mentions=frozenset({ANKE, BEATE})) == several
    assert await netz.say("anke", BREMEN, f"!netz kontakt {ANKE} {BEATE}") == several


@pytest.mark.parametrize("who", [BERND, "@niemand-sonst:example.org", BOT])
async def test_only_who_is_in_the_lab_s_room(netz: Conversation, who: str) -> None:
    """Somebody elsewhere would never see the reminder; the bot itself reads none."""
    assert await netz.say("anke", BREMEN, f"!netz kontakt {who}") == [
        notice(BREMEN, f"{who} ist gerade nicht in »Labor Bremen und Region«. Kontakt oder Vertretung kann nur sein, wer dort ist.")
    ]
    assert await stored(netz) == {}


async def test_the_homeserver_does_not_say_who_is_there(netz: Conversation) -> None:
    """Nothing is decided on a guess."""
    netz.members.silent.add("!lab-wuerzburg:example.org")
    assert await netz.say("anke", BREMEN, f"!netz kontakt {BEATE}") == [
        notice(BREMEN, "Ich kann gerade nicht prüfen, in welchen Räumen du bist. Bitte versuch es in ein paar Minuten noch einmal.")
    ]
    assert await netz.say("anke", BREMEN, "!netz kontakt ich") == [shown(ANKE, "niemand")], "her own room has answered"


async def test_coordinators_name_for_any_lab(netz: Conversation) -> None:
    """By key, name or place, research as well; without a name they see all."""
    for said in (f"bremen {ANKE}", f"Bremen und Region: {ANKE}", f"„Bremen“ {ANKE}", f"brem {ANKE}"):
        assert await netz.say("karla", "coordination", f"!netz kontakt {said}") == [shown(ANKE, "niemand", room="coordination")]
    fatma = user_id("fatma")
    assert await netz.say("karla", "coordination", f"!netz vertretung forschung {fatma}") == [
        shown("niemand", fatma, room="coordination", lab="Forschung")
    ]
    await netz.say("karla", "coordination", f"!netz vertretung bremen {BEATE}")
    await netz.say("anke", "direct", "!netz abwesend bis 30.10.2020")
    (answer,) = await netz.say("karla", "coordination", "!netz kontakt")
    lines = answer.words.split("\n")
    assert lines[0] == "Wen ich erwähne, wenn ich erinnere:"
    assert f"• Bremen und Region: Kontakt {ANKE} (abwesend bis Freitag, 30. Oktober 2020) · Vertretung {BEATE}" in lines
    assert "• Bergstraße: niemand" in lines
    assert lines[-1] == f"• Forschung: Vertretung {fatma}"


async def test_coordinators_have_to_say_which_lab(netz: Conversation) -> None:
    which = [notice("coordination", "Für welches Labor? Schreib zum Beispiel: !netz kontakt bremen @anke:example.org")]
    assert await netz.say("karla", "coordination", f"!netz kontakt {ANKE}") == which
    assert await netz.say("karla", "coordination", "!netz kontakt ich") == which
    assert await netz.say("karla", "coordination", f"!netz kontakt bremn {ANKE}") == [
        notice("coordination", "Ein Labor »bremn« kenne ich nicht. Meintest du Bremen?")
    ]
    assert await netz.say("karla", "coordination", "!netz kontakt bremen ich") == [
        notice("coordination", "Das darf nur, wer in »Labor Bremen und Region« ist; bitte schreib es dort.")
    ], "she is not in that room"


async def test_a_lab_s_business_is_not_said_elsewhere(netz: Conversation) -> None:
    """Asked in the network's room, the answer comes at home; another lab's is refused."""
    home, hint = await netz.say("anke", "network", "!netz kontakt ich")
    assert home == notice(BREMEN, "Antwort für @anke:example.org:", "", *shown(ANKE, "niemand").words.split("\n"))
    assert hint == notice("network", "Das gehört nicht in diesen Raum; die Antwort steht in »Labor Bremen und Region«.")
    assert await netz.say("bernd", "lab:bergstrasse", "!netz kontakt bremen") == [
        notice("lab:bergstrasse", "Das darf nur, wer in »Labor Bremen und Region« ist; bitte schreib es dort.")
    ]
    assert await netz.say("nora", "network", "!netz kontakt") == [
        notice(
            "network",
            "Das darf nur, wer in einem dieser Räume ist: dem Raum deines Labors oder »Forschung« oder »Koordination«.",
        )
    ]


async def test_who_works_in_two_labs_says_which(netz: Conversation) -> None:
    which = [notice("direct", "Für welches Labor? Schreib zum Beispiel: !netz kontakt bremen @anke:example.org")]
    assert await netz.say("beate", "direct", "kontakt ich") == which
    assert await netz.say("beate", "direct", "kontakt bremen ich") == [shown(BEATE, "niemand", room="direct")]
    wuerzburg = shown(BEATE, "niemand", room="lab:wuerzburg", lab="Würzburg und Gerbrunn")
    assert await netz.say("beate", "lab:wuerzburg", "!netz kontakt ich") == [wuerzburg]


async def test_in_english(netz: Conversation) -> None:
    await netz.say("anke", BREMEN, "!netz sprache en")
    await netz.say("anke", BREMEN, "!netz contact me")
    assert await netz.say("anke", BREMEN, "!netz away until 30 October") == [
        notice(
            BREMEN,
            "You are away until Friday, 30 October 2020. Until then my reminders mention your deputy instead of you.",
            "There is none; so I mention nobody until then. !netz deputy @person",
            "Back earlier? !netz back",
        )
    ]
    assert await netz.say("anke", BREMEN, "!netz contact") == [
        notice(BREMEN, "Bremen und Region", "", f"• Contact: {ANKE}, away until Friday, 30 October 2020", "• Deputy: nobody")
    ]
    assert await netz.say("anke", BREMEN, "!netz back") == [notice(BREMEN, "Good to have you back.")]


@pytest.mark.parametrize("said", ["bis 30.10.2020", "bis zum 30. Oktober", "30.10."])
async def test_away_until_a_day(netz: Conversation, said: str) -> None:
    """The answer repeats what was understood; the last word counts."""
    await netz.say("nora", "network", "!netz abwesend bis morgen")
    (answer,) = await netz.say("nora", "network", f"!netz abwesend {said}")
    assert answer == notice(
        "network",
        "Du bist abwesend bis Freitag, 30. Oktober 2020. In Erinnerungen erwähne ich so lange nicht dich, sondern deine Vertretung.",
        "Früher zurück? !netz wieder da",
    )
    async with netz.database.begin() as session:
        away = await contacts.away(session, datetime(2020, 10, 30, tzinfo=ZONE).date())
    assert away == {user_id("nora"): datetime(2020, 10, 30, tzinfo=ZONE).date()}


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("gestern", "11.10.2020 ist schon vorbei; heute ist der 12.10.2020."),
        ("November", "»November« ist kein einzelner Tag. Richtig wäre zum Beispiel »30.10.2020« oder »nächsten Freitag«."),
        ("14.10.2021", "Das ist zu weit weg; höchstens ein Jahr geht."),
    ],
)
async def test_away_until_what_is_no_day_to_come(netz: Conversation, said: str, answer: str) -> None:
    """A day that is over, something vaguer than a day, or more than a year."""
    assert await netz.say("nora", "network", f"!netz abwesend bis {said}") == [notice("network", answer)]


async def test_away_without_a_deputy(netz: Conversation) -> None:
    """Nobody believes that somebody else is reminded who is not. In which lab is not for everybody who reads along."""
    await netz.say("karla", "coordination", f"!netz kontakt bremen {ANKE}")
    away = (
        "Du bist abwesend bis Freitag, 30. Oktober 2020. In Erinnerungen erwähne ich so lange nicht dich, sondern deine Vertretung."
    )
    back = "Früher zurück? !netz wieder da"
    none = "Eingetragen ist keine; bis dahin erwähne ich also niemanden. !netz vertretung @person"
    assert await netz.say("anke", "network", "!netz abwesend bis 30.10.2020") == [notice("network", away, none, back)]
    await netz.say("karla", "coordination", f"!netz vertretung bremen {BEATE}")
    assert await netz.say("anke", "network", "!netz abwesend bis 30.10.2020") == [notice("network", away, back)]


async def test_back_and_not_away_at_all(netz: Conversation) -> None:
    """Today is still away; a day later it is over by itself."""
    await netz.say("nora", "network", "!netz abwesend bis heute")
    assert await netz.say("nora", "network", "!netz wieder da") == [notice("network", "Schön, dass du wieder da bist.")]
    not_away = [notice("network", "Du warst nicht als abwesend vermerkt.")]
    assert await netz.say("nora", "network", "!netz wieder da") == not_away
    await netz.say("nora", "network", "!netz abwesend bis heute")
    netz.clock.shown = datetime(2020, 10, 13, 0, 1, tzinfo=ZONE)
    assert await netz.say("nora", "network", "!netz wieder da") == not_away


async def test_since_when_and_by_whom(netz: Conversation) -> None:
    """Naming the same person again changes nothing of that."""
    await netz.say("karla", "coordination", f"!netz kontakt bremen {ANKE}")
    netz.clock.shown = datetime(2020, 10, 13, 9, tzinfo=ZONE)
    await netz.say("anke", BREMEN, "!netz kontakt ich")
    async with netz.database.begin() as session:
        (row,) = await session.execute(sa.select(table))
        (found,) = await contacts.every(session)
    assert (row.named_by, found.since, found.role) == (KARLA, datetime(2020, 10, 12, 9, tzinfo=ZONE), ContactRole.CONTACT)
