"""When the bot feels spoken to, and how it takes apart what is said to it."""

import pytest

from tests.conversation import BOT, Conversation, notice

WORKSHOP = notice("lab:bremen", "2. Netzwerk-Workshop", "24.–27. November 2020, online (in 43 Tagen)")


@pytest.mark.parametrize(
    "said",
    [
        "!netz workshop",
        "!nw workshop",
        "!NETZ Workshop",  # phones capitalise the first word
        "!Netz Workshop 2",
        "  !netz\u00a0workshop 2.",
        "!netz\nworkshop",
        "Netzwart: workshop",
        "netzwart, Workshop",
        "@netzwart: workshop",
        "@netzwart:example.org: workshop",
    ],
)
async def test_all_ways_to_speak_to_it(netz: Conversation, said: str) -> None:
    assert await netz.say("anke", "lab:bremen", said) == [WORKSHOP]


async def test_a_pill_with_any_label(netz: Conversation) -> None:
    """A client writes the bot's display name into the plain body, whatever it is, and the mention beside it."""
    mentions = frozenset({BOT})
    assert await netz.say("anke", "lab:bremen", "Der Wart des Netzes workshop", pill="Der Wart des Netzes", mentions=mentions) == [
        WORKSHOP
    ]
    assert await netz.say("anke", "lab:bremen", "Der Wart: workshop", pill="Der Wart", mentions=mentions) == [WORKSHOP]
    assert await netz.say("anke", "lab:bremen", "Netzwart workshop", mentions=mentions) == [WORKSHOP]


async def test_plain_words_in_a_direct_chat(netz: Conversation) -> None:
    here = WORKSHOP._replace(room="direct")
    assert await netz.say("anke", "direct", "workshop") == [here]
    assert await netz.say("anke", "direct", "!netz workshop") == [here]
    assert await netz.say("anke", "direct", "Netzwart: workshop") == [here]


@pytest.mark.parametrize("place", ["lab:bremen", "network", "unknown"])
@pytest.mark.parametrize(
    "said",
    [
        "Guten Morgen!",
        "workshop",
        "!help",  # other bots listen to that
        "!netzwerk workshop",
        "!netzworkshop",
        "Netzwart ist toll",  # about us, not to us
        "Sag mal, Netzwart: workshop?",
        "workshop !netz",
        "",
    ],
)
async def test_silence_for_what_is_not_for_us(netz: Conversation, place: str, said: str) -> None:
    assert await netz.say("anke", place, said) == []


async def test_being_mentioned_in_the_middle_is_no_command(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "Fragt doch Netzwart", mentions=frozenset({BOT})) == []


@pytest.mark.parametrize("said", ["!netz", "!nw ", "Netzwart:", "@netzwart,"])
async def test_a_bare_prefix_asks_for_help(netz: Conversation, said: str) -> None:
    (help_,) = await netz.say("anke", "lab:bremen", said)
    assert help_.words.startswith("Das kannst du mir schreiben, jeweils mit !netz davor:\n")


@pytest.mark.parametrize(
    "quoted", ["„Bad Belzig“", "“Bad Belzig”", "»Bad Belzig«", "«Bad Belzig»", '"bad belzig"', "‚Bad Belzig‘", "Bad Belzig"]
)
async def test_quotes_as_phones_type_them(netz: Conversation, quoted: str) -> None:
    answer = notice(
        "lab:bremen",
        "Bad Belzig und Wiesenburg",
        "Brandenburg · bad-belzig-wiesenburg",
        "",
        "• Kommunen: Bad Belzig, Wiesenburg",
        "• Themen: Umwelt, Demokratie, Regionalentwicklung, Open Data, digitale Kompetenzen",
    )
    assert await netz.say("anke", "lab:bremen", f"!netz labor {quoted}") == [answer]


@pytest.mark.parametrize("key", ["labor-1", "labor–1", "Labor—1", "LABOR\u20111", "labor\u22121"])
async def test_dashes_as_phones_type_them(netz: Conversation, key: str) -> None:
    assert await netz.say("anke", "lab:bremen", f"!netz bericht abgegeben {key}") == [("lab:bremen", "reaction", "✅")]


@pytest.mark.parametrize(
    "said", ["bericht zurück labor-1", "Bericht Zurueck labor-1", "Report withdrawn labor-1", "bericht zuru\u0308ck labor-1"]
)
async def test_umlauts_however_they_are_written(netz: Conversation, said: str) -> None:
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1")
    assert await netz.say("anke", "lab:bremen", f"!netz {said}") == [("lab:bremen", "reaction", "✅")]


async def test_near_misses(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz wokshop") == [
        notice("lab:bremen", "»wokshop« kenne ich nicht. Meintest du !netz workshop?")
    ]
    assert await netz.say("anke", "lab:bremen", "!netz brichte abgeben") == [
        notice(
            "lab:bremen",
            "»brichte abgeben« kenne ich nicht. Meintest du !netz bericht abgeben · !netz bericht abgegeben · !netz bericht angenommen?",
        )
    ]


async def test_something_else_entirely(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz koche Kaffee") == [
        notice("lab:bremen", "»koche Kaffee« kenne ich nicht. Was ich kann, sagt dir: !netz hilfe")
    ]


async def test_usage_in_both_languages(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz bericht abgegeben") == [
        notice(
            "lab:bremen",
            "Da fehlt noch etwas: bericht.",
            "",
            "So geht es: !netz bericht abgegeben <bericht> [link]",
            "Zum Beispiel: !netz bericht abgegeben labor-1 https://example.org/bericht.pdf",
        )
    ]
    await netz.say("anke", "lab:bremen", "!netz sprache en")
    assert await netz.say("anke", "lab:bremen", "!netz bericht abgegeben") == [
        notice(
            "lab:bremen",
            "Something is still missing: report.",
            "",
            "This is how: !netz report submitted <report> [link]",
            "For example: !netz report submitted labor-1 https://example.org/bericht.pdf",
        )
    ]


async def test_one_word_too_many(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz workshop 2 bitte") == [
        notice(
            "lab:bremen",
            "»bitte« brauche ich hier nicht.",
            "",
            "So geht es: !netz workshop [nummer]",
            "Zum Beispiel: !netz workshop 4",
        )
    ]
    assert await netz.say("anke", "lab:bremen", "!netz workshop zwei") == [
        notice(
            "lab:bremen", "»zwei« ist keine Nummer.", "", "So geht es: !netz workshop [nummer]", "Zum Beispiel: !netz workshop 4"
        )
    ]


async def test_half_a_character(netz: Conversation) -> None:
    """JSON may hold a lone surrogate, which no answer can: it is left out of what is quoted."""
    (answer,) = await netz.say("anke", "lab:bremen", "!netz phase \ud800jetzt")
    assert answer.words.startswith("»jetzt« brauche ich hier nicht.")


async def test_a_room_with_a_hostile_name(netz: Conversation) -> None:
    netz.network_rooms.set_name("!coordination:example.org", f"Ko\ud800or\u202ed\n<b>{'x' * 5000}")
    assert await netz.say("anke", "lab:bremen", "!netz rundruf Hallo") == [
        notice("lab:bremen", f"Das darf nur, wer in »Koord <b>{'x' * 70}…« ist.")
    ]
    assert "<b>" not in netz.written[0].content["formatted_body"]


async def test_an_event_that_comes_twice_has_its_effect_once(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz workshop") == [WORKSHOP]
    assert await netz.again("anke", "lab:bremen", "!netz workshop") == []


async def test_the_answer_is_a_reply_in_the_thread_and_mentions_nobody(netz: Conversation) -> None:
    await netz.say("anke", "lab:bremen", "!netz workshop", thread="$thread")
    content = netz.written[0].content
    assert content["m.mentions"] == {}
    assert content["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": "$thread",
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": netz.last_event},
    }


async def test_without_an_answer_about_members_nothing_is_decided(netz: Conversation) -> None:
    netz.members.silent = set(netz.members.rooms)
    sorry = "Ich kann gerade nicht prüfen, in welchen Räumen du bist. Bitte versuch es in ein paar Minuten noch einmal."
    for said in ("bericht abgegeben labor-1", "programm", "ich"):
        assert await netz.say("anke", "lab:bremen", f"!netz {said}") == [notice("lab:bremen", sorry)]


async def test_an_open_room_grants_nothing(netz: Conversation) -> None:
    netz.members.open = {"!coordination:example.org"}
    assert await netz.say("karla", "coordination", "!netz rundruf Hallo") == [
        notice("coordination", "Das darf nur, wer in »Koordination« ist.")
    ]
