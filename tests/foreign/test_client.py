"""What the foreign client does among its like, without our bot: the measure that the bot is then held to."""

import asyncio
import itertools
import secrets
from contextlib import AsyncExitStack
from hashlib import sha256

import pytest

from bot.demo.homeserver import Homeserver
from tests.foreign.client import DeviceStatus, ForeignClient, UserStatus
from tests.foreign.people import another_device, opened
from tests.foreign.program import Failed
from tests.foreign.sights import event, failed, message, reaction, readable


async def meet(room: str, host: ForeignClient, *guests: ForeignClient, encrypted: bool = True) -> None:
    """Let the guests, who are invited, join a room; everybody knows of everybody then, and of their devices if it is encrypted."""
    await asyncio.gather(*(guest.join(room) for guest in guests))
    pairs = [*itertools.permutations((host, *guests), 2)]
    await asyncio.gather(*(one.until_member(room, other.user_id) for one, other in pairs))
    if encrypted:
        await asyncio.gather(*(one.knows(other) for one, other in pairs))


async def room_of(host: ForeignClient, *guests: ForeignClient) -> str:
    """Return an encrypted room in which they all are."""
    room = await host.create_room("Labor", invite=[guest.user_id for guest in guests])
    await meet(room, host, *guests)
    return room


async def test_signed_devices_see_each_other_without_a_warning(homeserver: Homeserver) -> None:
    """Nobody has verified anybody: no shield is what a person sees of somebody whose devices are in order."""
    async with AsyncExitStack() as stack:
        anke, bernd = await opened(stack, homeserver, "anke"), await opened(stack, homeserver, "bernd")
        room = await room_of(anke, bernd)

        asked = await anke.say(room, "Wann geht es los?", mentions=[bernd.user_id])
        answered = await bernd.say(room, "Um neun.", reply_to=asked)
        threaded = await bernd.say(room, "Oder um zehn.", thread=asked)
        edited = await bernd.edit(room, answered, "Um acht.")
        reacted = await anke.react(room, answered, "👍")

        question = await bernd.sees(readable(asked))
        assert (question.body, question.unwarned) == ("Wann geht es los?", True)
        assert question.content["m.mentions"] == {"user_ids": [bernd.user_id]}
        answer = await anke.sees(message(room=room, answers=asked))
        assert (answer.event_id, answer.body, answer.unwarned) == (answered, "Um neun.", True)
        in_thread, edit = await anke.sees(readable(threaded)), await anke.sees(readable(edited))
        assert (in_thread.thread, in_thread.replies_to, in_thread.unwarned) == (asked, None, True)
        assert (edit.replaces, edit.content["m.new_content"]["body"], edit.unwarned) == (answered, "Um acht.", True)
        assert (await anke.sees(readable(answered))).unwarned
        seen = await bernd.sees(reaction(answered, "👍", sender=anke.user_id))
        assert (seen.event_id, seen.encrypted) == (reacted, False)


async def test_a_redaction_is_seen(homeserver: Homeserver) -> None:
    async with AsyncExitStack() as stack:
        anke, bernd = await opened(stack, homeserver, "anke"), await opened(stack, homeserver, "bernd")
        room = await room_of(anke, bernd)
        said = await anke.say(room, "Versehentlich")
        await bernd.sees(readable(said))

        await anke.redact(room, said)

        gone = await bernd.sees(lambda sight: sight.event_id == said and sight.redacted)
        assert (gone.content, gone.wire) == ({}, {})


async def test_a_picture_goes_encrypted_and_comes_back_whole(homeserver: Homeserver) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + secrets.token_bytes(5000)
    async with AsyncExitStack() as stack:
        anke, bernd = await opened(stack, homeserver, "anke"), await opened(stack, homeserver, "bernd")
        room = await room_of(anke, bernd)

        sent = await anke.send_file(room, "plan.png", picture, "image/png")

        sight = await bernd.sees(readable(sent))
        got = await bernd.download(sight)
        assert (sight.msgtype, got.mimetype, got.size, got.sha256) == ("m.image", "image/png", 5008, sha256(picture).hexdigest())


async def test_an_attachment_whose_hash_is_another_is_refused(homeserver: Homeserver) -> None:
    """Otherwise the proof of the bot's pictures would prove nothing."""
    async with AsyncExitStack() as stack:
        anke = await opened(stack, homeserver, "anke")
        room = await room_of(anke)
        sight = await anke.sees(readable(await anke.send_file(room, "a.txt", b"eins", "text/plain")))
        sight.content["file"]["hashes"]["sha256"] = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg"

        with pytest.raises(Failed, match="the hash is"):
            await anke.download(sight)


async def test_a_device_that_is_not_signed_is_shut_out(homeserver: Homeserver) -> None:
    """In both directions, as long as the others are in the mode of MSC4153; one that is not reads it, with a warning."""
    async with AsyncExitStack() as stack:
        anke = await opened(stack, homeserver, "anke")
        alter = await opened(stack, homeserver, "alter", signs=False, isolation="all")
        lax = await opened(stack, homeserver, "lax", isolation="all")
        room = await room_of(anke, alter, lax)

        from_unsigned = await alter.say(room, "Hört mich jemand?")
        from_signed = await anke.say(room, "Hier ist jemand.")

        shut_out = await anke.sees(failed(from_unsigned))
        assert (shut_out.failure, shut_out.content) == ("UNSIGNED_SENDER_DEVICE", {})
        warned = await lax.sees(readable(from_unsigned))
        assert (warned.body, warned.shield, warned.shield_reason) == ("Hört mich jemand?", "red", "UNSIGNED_DEVICE")
        assert (await alter.sees(failed(from_signed))).failure == "MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE"
        assert (await lax.sees(readable(from_signed))).unwarned


async def test_what_was_sent_before_signing_stays_shut_out(homeserver: Homeserver) -> None:
    """So whoever signs has to do it before the first message. What comes after is read, though it is of the same session.

    The key is good: a client that tries anew, as after a restart, reads it. But this one never tries anew.
    """
    async with AsyncExitStack() as stack:
        anke = await opened(stack, homeserver, "anke")
        alter = await opened(stack, homeserver, "alter", signs=False, isolation="all")
        room = await room_of(anke, alter)
        before = await alter.say(room, "Noch ohne Unterschrift")
        await anke.sees(failed(before))

        await alter.bootstrap()
        await anke.knows(alter)
        after = await alter.say(room, "Mit Unterschrift")

        read, shut_out = await anke.sees(readable(after)), await anke.sees(event(before))
        assert (read.unwarned, read.wire["session_id"]) == (True, shut_out.wire["session_id"])
        assert shut_out.failure == "UNSIGNED_SENDER_DEVICE"
        assert (await anke.tries(shut_out)).unwarned


async def test_an_unsigned_device_cannot_send_in_the_mode_of_signed_ones(homeserver: Homeserver) -> None:
    async with AsyncExitStack() as stack:
        alter = await opened(stack, homeserver, "alter", signs=False)
        room = await room_of(alter)

        with pytest.raises(Failed, match="cross-signing"):
            await alter.say(room, "Hört mich jemand?")


async def test_a_second_device_is_shut_out_until_it_is_signed(homeserver: Homeserver) -> None:
    """Then it reads what comes next. Nobody sends it what went before."""
    async with AsyncExitStack() as stack:
        anke, bernd = await opened(stack, homeserver, "anke"), await opened(stack, homeserver, "bernd")
        room = await room_of(anke, bernd)
        second = await another_device(stack, homeserver, bernd)
        await anke.knows(second)
        without = await anke.say(room, "Ohne das zweite Gerät")
        assert (await bernd.sees(readable(without))).unwarned
        assert (await second.sees(failed(without))).failure == "MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE"

        await second.signed_by(bernd)
        await anke.knows(second)
        with_it = await anke.say(room, "Mit ihm")

        assert (await second.sees(readable(with_it))).unwarned
        assert (await second.sees(event(without))).failure == "MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE"


async def test_who_comes_later_reads_what_comes_after_them(homeserver: Homeserver) -> None:
    """The invited get keys already. But whoever gets a key before they know the sender's device shuts it out; see `knows`."""
    async with AsyncExitStack() as stack:
        anke, bernd = await opened(stack, homeserver, "anke"), await opened(stack, homeserver, "bernd")
        room = await room_of(anke)
        before = await anke.say(room, "Unter uns")
        await anke.invite(room, bernd.user_id)
        await anke.until_member(room, bernd.user_id, "invite")
        invited = await anke.say(room, "An alle, auch die eingeladenen")
        await meet(room, anke, bernd)
        after = await anke.say(room, "An alle")

        assert (await bernd.sees(readable(after))).unwarned
        seen = {sight.event_id: sight for sight in await bernd.reads_back(room)}
        assert seen[before].failure == "HISTORICAL_MESSAGE_USER_NOT_JOINED"
        assert seen[invited].failure == "UNSIGNED_SENDER_DEVICE"
        assert (await bernd.tries(seen[invited])).unwarned


async def test_who_was_kicked_cannot_read_what_follows(homeserver: Homeserver) -> None:
    """Not even when the ciphertext is handed to them: they never got the key."""
    async with AsyncExitStack() as stack:
        anke, bernd, clara = [await opened(stack, homeserver, name) for name in ("anke", "bernd", "clara")]
        room = await room_of(anke, bernd, clara)
        first = await clara.sees(readable(await anke.say(room, "Wir drei")))
        await bernd.sees(readable(first.event_id))
        await anke.kick(room, bernd.user_id)
        await anke.until_member(room, bernd.user_id, "leave")

        second = await clara.sees(readable(await anke.say(room, "Wir zwei")))

        await bernd.caught_up()
        assert (await bernd.tries(first)).unwarned
        assert (await bernd.tries(second)).failure == "MEGOLM_UNKNOWN_INBOUND_SESSION_ID"
        assert await bernd.room_keys(room) == {first.wire["session_id"]}


async def test_a_room_is_encrypted_from_when_it_is_said(homeserver: Homeserver) -> None:
    async with AsyncExitStack() as stack:
        anke, bernd = await opened(stack, homeserver, "anke"), await opened(stack, homeserver, "bernd")
        room = await anke.create_room("Labor", invite=[bernd.user_id], encrypted=False)
        await meet(room, anke, bernd, encrypted=False)
        plain = await bernd.sees(readable(await anke.say(room, "Offen")))
        await anke.enable_encryption(room)
        await bernd.until_encrypted(room)
        await asyncio.gather(anke.knows(bernd), bernd.knows(anke))

        hidden = await bernd.sees(readable(await anke.say(room, "Geheim")))

        assert (plain.encrypted, plain.shield) == (False, None)
        assert hidden.unwarned


@pytest.mark.parametrize("by", ["room", "device"])
async def test_two_people_verify_each_other_by_emoji(homeserver: Homeserver, by: str) -> None:
    async with AsyncExitStack() as stack:
        anke, bernd = await opened(stack, homeserver, "anke"), await opened(stack, homeserver, "bernd")
        room = await room_of(anke, bernd)
        await bernd.sees(readable(await anke.say(room, "Wer bist du?")))

        asking = await (
            anke.verify_in_room(bernd.user_id, room) if by == "room" else anke.verify_device(bernd.user_id, bernd.device_id)
        )
        asked = await bernd.asked_to_verify(anke.user_id)
        await asked.accept()
        await asking.reaches("ready")
        await asking.start()
        await asked.reaches("started")
        await asked.start()
        assert await asking.emoji() == await asked.emoji()
        assert len(await asking.emoji()) == 7
        await asyncio.gather(asking.confirm(), asked.confirm())

        assert [(await side.ends()).phase for side in (asking, asked)] == ["done", "done"]
        for one, other in ((anke, bernd), (bernd, anke)):
            await one.until_verified(other.user_id)
            assert await one.user_status(other.user_id) == UserStatus(
                has_cross_signing_keys=True, verified=True, was_verified=True, needs_approval=False
            )


async def test_emoji_that_differ_and_a_request_declined(homeserver: Homeserver) -> None:
    """The codes with which a verification ends otherwise."""
    async with AsyncExitStack() as stack:
        anke, bernd = await opened(stack, homeserver, "anke"), await opened(stack, homeserver, "bernd")
        room = await room_of(anke, bernd)
        asking = await anke.verify_in_room(bernd.user_id, room)
        asked = await bernd.asked_to_verify(anke.user_id)
        await asked.accept()
        await asking.reaches("ready")
        await asking.start()
        await asked.reaches("started")
        await asked.start()
        await asyncio.gather(asking.emoji(), asked.emoji())

        await asked.mismatch()
        again = await bernd.verify_in_room(anke.user_id, room)
        await (await anke.asked_to_verify(bernd.user_id)).cancel()

        assert [(await side.ends()).code for side in (asking, asked)] == ["m.mismatched_sas", "m.mismatched_sas"]
        assert (await again.ends()).code == "m.user"


async def test_who_is_signed_is_known_to_those_in_the_same_room(homeserver: Homeserver) -> None:
    async with AsyncExitStack() as stack:
        anke, bernd = await opened(stack, homeserver, "anke"), await opened(stack, homeserver, "bernd")
        alter = await opened(stack, homeserver, "alter", signs=False)
        assert await anke.device_status(bernd.user_id, bernd.device_id) is None

        await room_of(anke, bernd, alter)

        signed, unsigned = [await anke.device_status(other.user_id, other.device_id) for other in (bernd, alter)]
        assert signed == DeviceStatus(signed_by_owner=True, verified=False)
        assert unsigned == DeviceStatus(signed_by_owner=False, verified=False)
        assert [(await anke.user_status(other.user_id)).has_cross_signing_keys for other in (bernd, alter)] == [True, False]
