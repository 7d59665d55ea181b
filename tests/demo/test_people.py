import asyncio

import pytest

from bot.demo.errors import Missing, Refused, Unreachable
from bot.demo.homeserver import Homeserver
from bot.demo.people import Person
from bot.demo.reading import event, member, message, reaction


async def test_a_message_arrives(anke: Person, bernd: Person, room: str) -> None:
    sent = await anke.say(room, "Guten Tag", mentions=[bernd.user_id])

    seen = await bernd.sees(message(room=room, sender=anke.user_id, containing="Guten"))

    assert (seen.event_id, seen.room_id, seen.sender) == (sent, room, anke.user_id)
    assert seen.content == {"msgtype": "m.text", "body": "Guten Tag", "m.mentions": {"user_ids": [bernd.user_id]}}


async def test_a_reply_is_found_by_what_it_answers(anke: Person, bernd: Person, room: str) -> None:
    asked = await anke.say(room, "Wann?")
    await bernd.say(room, "Moin")
    answer = await bernd.say(room, "Morgen", reply_to=asked, msgtype="m.notice")

    seen = await anke.sees(message(answers=asked))

    assert (seen.event_id, seen.msgtype, seen.replies_to, seen.thread) == (answer, "m.notice", asked, None)


async def test_a_message_in_a_thread_replies_to_nothing_unless_it_says_so(anke: Person, bernd: Person, room: str) -> None:
    root = await anke.say(room, "Workshop")
    first = await anke.say(room, "Kommt ihr?", thread=root)
    second = await bernd.say(room, "Ja", thread=root, reply_to=first)

    plain, reply = await anke.sees(event(first)), await anke.sees(event(second))

    assert (plain.thread, plain.replies_to) == (root, None)
    assert (reply.thread, reply.replies_to) == (root, first)


async def test_reaction_edit_and_redaction_arrive(anke: Person, bernd: Person, room: str) -> None:
    sent = await anke.say(room, "Gutn Tag")
    await bernd.react(room, sent, "✅")
    edited = await anke.edit(room, sent, "Guten Tag")
    removed = await anke.redact(room, sent, "doppelt")

    assert (await anke.sees(reaction(sent, "✅", sender=bernd.user_id))).key == "✅"
    edit = await bernd.sees(event(edited))
    assert (edit.replaces, edit.body, edit.content["m.new_content"]["body"]) == (sent, "* Guten Tag", "Guten Tag")
    assert (await bernd.sees(event(removed))).reason == "doppelt"
    assert bernd.saw(message(room=room)) == bernd.saw(event(sent))  # an edit is no message of its own


async def test_invited_joined_kicked_declined(anke: Person, bernd: Person) -> None:
    room = await anke.create_room("Netzwerk", invite=[bernd.user_id])
    assert (await bernd.sees(member(room, bernd.user_id, "invite"))).sender == anke.user_id
    await bernd.join(room)
    assert await anke.members(room) == {anke.user_id, bernd.user_id}

    await anke.kick(room, bernd.user_id, "Feierabend")
    kicked = await bernd.sees(member(room, bernd.user_id, "leave"))
    assert (kicked.sender, kicked.reason, kicked.membership_before) == (anke.user_id, "Feierabend", "join")

    await anke.invite(room, bernd.user_id)
    await bernd.sees(member(room, bernd.user_id, "invite"), after=kicked.number)
    await bernd.leave(room, "Nein, danke")
    declined = await anke.sees(lambda seen: seen.membership_before == "invite" and seen.membership == "leave")
    assert (declined.sender, declined.reason) == (bernd.user_id, "Nein, danke")


async def test_a_direct_chat_says_so_in_its_invite(anke: Person, bernd: Person) -> None:
    room = await anke.direct_chat(bernd.user_id)

    assert (await bernd.sees(member(room, bernd.user_id, "invite"))).content["is_direct"] is True


async def test_a_private_room_is_closed_to_others(homeserver: Homeserver, room: str) -> None:
    async with Person(homeserver.url, await homeserver.register("xaver")) as stranger:
        with pytest.raises(Refused) as refused:
            await stranger.join(room)

    assert (refused.value.status, refused.value.errcode) == (403, "M_FORBIDDEN")


async def test_an_alias_leads_to_the_room(anke: Person, bernd: Person) -> None:
    room = await anke.create_room("Labor Bergstraße", alias="labor-bergstrasse", topic="Partizipation")

    assert await bernd.room_id("#labor-bergstrasse:netz.example") == room


async def test_nothing_is_lost_in_a_burst(anke: Person, bernd: Person, room: str) -> None:
    """More at once than one sync brings: the rest is read from /messages."""
    await bernd.reading.stop()
    sent = await asyncio.gather(*(anke.say(room, str(number)) for number in range(250)))
    await bernd.reading.start()

    for each in sent:
        await bernd.sees(event(each), 5)
    assert len(bernd.saw(message(room=room))) == 250


async def test_what_has_arrived_already_is_seen_unless_it_is_too_old(anke: Person, bernd: Person, room: str) -> None:
    first = await bernd.sees(event(await anke.say(room, "Hallo")))
    second = await anke.say(room, "Hallo")

    assert (await bernd.sees(message(containing="Hallo"))).event_id == first.event_id
    assert (await bernd.sees(message(containing="Hallo"), after=first.number)).event_id == second


async def test_what_does_not_arrive_is_named(anke: Person) -> None:
    with pytest.raises(Missing) as missing:
        await anke.sees(message(containing="nie gesagt"), 0.1, what="die Antwort auf „hilfe“")

    assert missing.value.line == "In 0.1 Sekunden nicht angekommen: die Antwort auf „hilfe“"


async def test_who_waits_learns_that_they_were_logged_out(anke: Person) -> None:
    waiting = asyncio.create_task(anke.sees(message(containing="nie gesagt"), 30))
    await asyncio.sleep(0)

    await anke.api.request("POST", "/_matrix/client/v3/logout", {})

    with pytest.raises(Refused) as refused:
        await waiting
    assert refused.value.errcode == "M_UNKNOWN_TOKEN"


async def test_nobody_there(anke: Person) -> None:
    elsewhere = Person("http://127.0.0.1:9", anke.account)

    with pytest.raises(Unreachable):
        await elsewhere.members("!raum")
    await elsewhere.api.close()
