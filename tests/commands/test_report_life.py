"""The life of a report: handed in, accepted or returned, extended, waived; who hears of it, and where it is shown."""

from datetime import datetime

import pytest

from tests.conversation import ZONE, Conversation, Said, notice, room_id

DONE = Said("coordination", "reaction", "✅")
FILE = {
    "msgtype": "m.file",
    "body": "bericht.pdf",
    "info": {"mimetype": "application/pdf", "size": 1234, "evil": "<script>"},
    "file": {
        "url": "mxc://example.org/abc",
        "key": {"kty": "oct", "key_ops": ["encrypt", "decrypt"], "alg": "A256CTR", "k": "secret", "ext": True},
        "iv": "iv",
        "hashes": {"sha256": "hash"},
        "v": "v2",
    },
    "m.mentions": {"room": True},
}


def told(room: str, words: str) -> Said:
    """What a room hears by itself."""
    return Said(room, "text", words)


async def shown(netz: Conversation, name: str = "labor-1", person: str = "anke", place: str = "lab:bremen") -> list[str]:
    """The lines in which a report is shown."""
    answer, *_ = await netz.say(person, place, f"!netz bericht {name}")
    return answer.words.split("\n")


async def test_handed_in_and_accepted(netz: Conversation) -> None:
    """The lab hears of it, and can neither take it back nor hand in another."""
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1 https://bremen.example/1")
    assert await netz.say("karla", "coordination", "!netz bericht angenommen labor-1:bremen") == [
        DONE,
        told("lab:bremen", "»Sachstandsbericht 1« ist angenommen. Danke!"),
    ]
    assert await shown(netz) == [
        "☑️ Sachstandsbericht 1 (labor-1), Bremen und Region",
        "angenommen, abgegeben am 12. Oktober 2020, von @anke:example.org",
        "https://bremen.example/1",
    ]
    assert await netz.say("anke", "lab:bremen", "!netz bericht zurück labor-1") == [
        notice("lab:bremen", "»Sachstandsbericht 1« ist schon angenommen und lässt sich nicht mehr zurücknehmen.")
    ]
    assert await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1 https://bremen.example/2") == [
        notice("lab:bremen", "»Sachstandsbericht 1« ist schon angenommen. Soll noch etwas dazu, sprich bitte die Koordination an.")
    ]
    assert await netz.say("konrad", "coordination", "!netz bericht angenommen labor-1:bremen") == [
        notice("coordination", "»Sachstandsbericht 1« hat @karla:example.org schon angenommen.")
    ]


async def test_what_coordinators_decided_counts_again_when_what_came_after_it_is_withdrawn(netz: Conversation) -> None:
    """Whoever was released, hands in all the same and takes that back, is still released; a remark is not lost either."""
    await netz.say("karla", "coordination", "!netz bericht befreien labor-1:bremen")
    assert await shown(netz) == ["➖ Sachstandsbericht 1 (labor-1), Bremen und Region", "befreit"]
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1 https://bremen.example/1")
    assert (await shown(netz))[1].startswith("abgegeben")
    await netz.say("anke", "lab:bremen", "!netz bericht zurück labor-1")
    assert await shown(netz) == ["➖ Sachstandsbericht 1 (labor-1), Bremen und Region", "befreit"]

    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1 https://bremen.example/1")
    await netz.say("karla", "coordination", "!netz bericht nachfordern labor-1:bremen Die Zahlen fehlen.")
    returned = await shown(netz)
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1 https://bremen.example/2")
    await netz.say("anke", "lab:bremen", "!netz bericht zurück labor-1")
    assert "Bemerkung der Koordination: Die Zahlen fehlen." in returned
    assert "Bemerkung der Koordination: Die Zahlen fehlen." in await shown(netz)


async def test_in_the_networks_room_a_refusal_tells_nobody_how_things_stand(netz: Conversation) -> None:
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1")
    await netz.say("karla", "coordination", "!netz bericht angenommen labor-1:bremen")
    here, hint = await netz.say("anke", "network", "!netz bericht zurück labor-1")
    assert (here.room, "angenommen" in here.words) == ("lab:bremen", True)
    assert hint == notice("network", "Das gehört nicht in diesen Raum; die Antwort steht in »Labor Bremen und Region«.")
    here, hint = await netz.say("konrad", "network", "!netz bericht angenommen labor-1:bremen")
    assert (here.room, hint.room, "Sachstand" in hint.words) == ("coordination", "network", False)


async def test_returned_with_a_remark_and_handed_in_again(netz: Conversation) -> None:
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1 https://bremen.example/1")
    assert await netz.say("karla", "coordination", "!netz bericht nachfordern labor-1:bremen Die <b>Zahlen</b> fehlen.") == [
        DONE,
        told(
            "lab:bremen",
            "»Sachstandsbericht 1« kommt noch einmal zurück:\n\nDie <b>Zahlen</b> fehlen.\n\n"
            "Ist er überarbeitet? Dann schreib: !netz bericht abgegeben labor-1",
        ),
    ]
    assert (await shown(netz))[:5] == [
        "↩️ Sachstandsbericht 1 (labor-1), Bremen und Region",
        "zurückgegeben, noch einmal fällig (30. Oktober 2020)",
        "abgegeben hatte ihn am 12. Oktober 2020 @anke:example.org",
        "Bemerkung der Koordination: Die <b>Zahlen</b> fehlen.",
        "https://bremen.example/1",
    ]
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1 https://bremen.example/2")
    assert await shown(netz) == [
        "✅ Sachstandsbericht 1 (labor-1), Bremen und Region",
        "abgegeben am 12. Oktober 2020, von @anke:example.org",
        "https://bremen.example/2",
    ]


async def test_more_time_for_one_lab(netz: Conversation) -> None:
    """The original day stays on record; for the other labs nothing changes."""
    assert await netz.say("karla", "coordination", "!netz bericht aufschub labor-1:bremen 15.11.") == [
        DONE,
        told("lab:bremen", "Mehr Zeit für »Sachstandsbericht 1«: fällig nicht mehr 30. Oktober 2020, sondern 15. November 2020."),
    ]
    assert await shown(netz) == [
        "◻️ Sachstandsbericht 1 (labor-1), Bremen und Region",
        "offen (15. November 2020)",
        "ursprünglich fällig: 30. Oktober 2020",
        "",
        "Ist er fertig? !netz bericht abgegeben labor-1",
    ]
    netz.clock.shown = datetime(2020, 11, 1, 9, tzinfo=ZONE)
    assert (await shown(netz, "labor-1:würzburg", "karla", "coordination"))[1] == "überfällig (30. Oktober 2020)"
    assert (await shown(netz))[1] == "offen (15. November 2020)"


@pytest.mark.parametrize("said", ["bis 15.11.", "bis zum 15.11.2020", "auf den 15. November", "Until 15.11.2020"])
async def test_more_time_until_a_day(netz: Conversation, said: str) -> None:
    await netz.say("karla", "coordination", f"!netz aufschub labor-1:bremen {said}")
    assert (await shown(netz))[1] == "offen (15. November 2020)"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("15.10.2020", "»Sachstandsbericht 1« ist ohnehin erst fällig: 30. Oktober 2020. Ein Aufschub muss danach liegen."),
        ("30.10.2020", "»Sachstandsbericht 1« ist ohnehin erst fällig: 30. Oktober 2020. Ein Aufschub muss danach liegen."),
        ("1.10.2020", "1. Oktober 2020 ist schon vorbei."),
    ],
)
async def test_no_more_time_that_is_none(netz: Conversation, said: str, answer: str) -> None:
    assert await netz.say("karla", "coordination", f"!netz aufschub labor-1:bremen {said}") == [notice("coordination", answer)]


async def test_more_time_for_all_is_more_time_for_who_had_more(netz: Conversation) -> None:
    """Whoever was given until November is not due before all others when those are given until December."""
    await netz.say("karla", "coordination", "!netz aufschub labor-1:bremen 15.11.2020")
    await netz.say("karla", "coordination", "!netz termin labor-1 15.12.2020")
    assert (await shown(netz))[1:3] == ["offen (15. Dezember 2020)", ""]
    _, *rooms = await netz.say("karla", "coordination", "!netz termin labor-1 2.11.2020")
    new = "Neuer Termin: Sachstandsbericht 1\nstatt 15. Dezember 2020 jetzt 2. November 2020"
    assert told("lab:bremen", f"{new}\nFür euch bleibt es bei 15. November 2020: euer Aufschub gilt weiter.") in rooms
    assert told("lab:bergstrasse", new) in rooms
    assert (await shown(netz))[1:3] == ["offen (15. November 2020)", "ursprünglich fällig: 2. November 2020"]


async def test_a_mistyped_extension_can_be_put_right(netz: Conversation) -> None:
    """It would hold for ever: there is no other way to give less time than was given."""
    await netz.say("karla", "coordination", "!netz aufschub labor-1:bremen 15.11.2120")
    assert await netz.say("karla", "coordination", "!netz aufschub labor-1:bremen 15.11.2020") == [
        DONE,
        told(
            "lab:bremen",
            "Anderer Aufschub für »Sachstandsbericht 1«: fällig nicht mehr 15. November 2120, sondern 15. November 2020.",
        ),
    ]
    assert (await shown(netz))[1] == "offen (15. November 2020)"
    assert await netz.say("karla", "coordination", "!netz aufschub labor-1:bremen 15.11.2020") == [
        notice("coordination", "»Sachstandsbericht 1« ist schon dann fällig: 15. November 2020.")
    ]


async def test_a_day_that_does_not_exist_gives_no_time(netz: Conversation) -> None:
    """Nothing is guessed, nothing is half done."""
    (refused,) = await netz.say("karla", "coordination", "!netz aufschub labor-1:bremen 31.11.2020")
    assert (refused.how, refused.room) == ("notice", "coordination")
    assert (await shown(netz))[1] == "offen (30. Oktober 2020)"


async def test_who_handed_in_has_not_decided(netz: Conversation) -> None:
    """What coordinators decide later does not stand before the name of who handed it in."""
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1")
    await netz.say("karla", "coordination", "!netz bericht befreien labor-1:bremen")
    assert (await shown(netz))[1:] == ["befreit", "abgegeben hatte ihn am 12. Oktober 2020 @anke:example.org"]


async def test_waived(netz: Conversation) -> None:
    assert await netz.say("karla", "direct", "!netz bericht befreien labor-1:bremen Erst später dazugekommen.") == [
        Said("direct", "reaction", "✅"),
        told("lab:bremen", "»Sachstandsbericht 1« braucht ihr nicht abzugeben.\nErst später dazugekommen."),
    ]
    assert (await shown(netz))[:2] == ["➖ Sachstandsbericht 1 (labor-1), Bremen und Region", "befreit"]
    assert await netz.say("konrad", "coordination", "!netz befreien labor-1:bremen") == [
        notice("coordination", "Von »Sachstandsbericht 1« hat @karla:example.org schon befreit.")
    ]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("angenommen labor-1:bremen", "»Sachstandsbericht 1« ist nicht abgegeben; anzunehmen ist nichts."),
        ("nachfordern labor-1:bremen Bitte", "»Sachstandsbericht 1« ist noch offen; nachzufordern ist nichts."),
        ("angenommen labor-1", "Von welchem Labor? Schreib zum Beispiel: labor-1:bremen"),
        ("angenommen forschung-1:bremen", "»forschung-1« ist ein Bericht der Forschung, nicht eines Labors."),
    ],
)
async def test_what_cannot_be_decided(netz: Conversation, said: str, answer: str) -> None:
    assert await netz.say("karla", "coordination", f"!netz bericht {said}") == [notice("coordination", answer)]


async def test_a_file_is_handed_in_by_a_reply_to_it(netz: Conversation) -> None:
    """Coordinators, who are not in the lab's room, get the file shown again; what else its event said does not come along."""
    netz.posted[(room_id("lab:bremen"), "$file")] = FILE
    assert await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1", reply_to="$file") == [
        Said("lab:bremen", "reaction", "✅")
    ]
    assert (await shown(netz))[-1] == "Datei: bericht.pdf"
    answer, file = await netz.say("karla", "coordination", "!netz bericht labor-1:bremen")
    assert (answer.words.split("\n")[-1], file) == ("Datei: bericht.pdf", Said("coordination", "file", "bericht.pdf"))
    content = netz.written[-1].content
    assert content["file"] == FILE["file"]
    assert content["info"] == {"mimetype": "application/pdf", "size": 1234}
    assert content["m.mentions"] == {}


async def test_a_reply_to_words_hands_in_without_a_file(netz: Conversation) -> None:
    """People reply to the bot's own reminder."""
    netz.posted[(room_id("lab:bremen"), "$words")] = {"msgtype": "m.text", "body": "In 14 Tagen ist fällig …"}
    assert await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1", reply_to="$words") == [
        Said("lab:bremen", "reaction", "✅")
    ]
    assert (await shown(netz))[1:] == ["abgegeben am 12. Oktober 2020, von @anke:example.org"]


async def test_a_reply_to_what_cannot_be_read_hands_in_nothing(netz: Conversation) -> None:
    """Else the lab would believe that its file is handed in."""
    assert await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1", reply_to="$gone") == [
        notice("lab:bremen", "Worauf du antwortest, kann ich nicht lesen. Bitte schick die Datei noch einmal, oder einen Link.")
    ]
    assert (await shown(netz))[1] == "offen (30. Oktober 2020)"


async def test_a_date_is_set_and_every_room_hears_of_it(netz: Conversation) -> None:
    answer, *others = await netz.say("karla", "coordination", "!netz termin workshop-5 15. und 16. Februar 2022")
    rooms = len(netz.network_rooms.keys()) - 1
    assert answer == notice(
        "coordination", "5. Netzwerk-Workshop: Februar 2022 → 15.–16. Februar 2022", f"{rooms} Räume erfahren es."
    )
    assert {said.words for said in others} == {
        "Neuer Termin: 5. Netzwerk-Workshop\nstatt Februar 2022 jetzt 15.–16. Februar 2022",
    }
    assert sorted(said.room for said in others) == sorted(set(netz.network_rooms.keys()) - {"coordination"})
    (again,) = await netz.say("konrad", "coordination", "!netz termin workshop-5 15./16.2.2022")
    assert again == notice("coordination", "Der Termin von »5. Netzwerk-Workshop« ist schon: 15.–16. Februar 2022.")


async def test_a_year_far_away_is_a_slip_of_the_finger(netz: Conversation) -> None:
    """Reminders reckon from every date: with one at the edge of the calendar, nobody would be reminded of anything any more."""
    for typed in ("1.1.0001", "31.12.9998", "0002"):
        (refused,) = await netz.say("karla", "coordination", f"!netz termin labor-2 {typed}")
        assert refused.words.endswith("ist weit weg. Ist es ein Tippfehler?")


async def test_a_reports_date_concerns_those_who_owe_it(netz: Conversation) -> None:
    _, *others = await netz.say("karla", "coordination", "!netz termin forschung-2 15.12.2020")
    assert [said.room for said in others] == ["research"]
    _, *others = await netz.say("karla", "coordination", "!netz termin labor-2 30.6.2021")
    assert {said.room for said in others} == {key for key in netz.network_rooms.keys() if key.startswith("lab:")}
    assert (await shown(netz, "labor-2"))[1] == "offen (30. Juni 2021)"


async def test_an_event_is_cancelled(netz: Conversation) -> None:
    answer, *others = await netz.say("karla", "coordination", "!netz absagen workshop-5")
    assert answer.words.startswith("»5. Netzwerk-Workshop« ist abgesagt.")
    assert {said.words for said in others} == {"Abgesagt: 5. Netzwerk-Workshop\ngeplant war: Februar 2022"}
    assert await netz.say("konrad", "coordination", "!netz termin workshop-5 März 2022") == [
        notice("coordination", "»5. Netzwerk-Workshop« ist abgesagt.")
    ]


async def test_in_english(netz: Conversation) -> None:
    await netz.say("karla", "coordination", "!netz sprache en")
    await netz.say("anke", "lab:bremen", "!netz sprache en")
    assert await netz.say("karla", "coordination", "!netz report extended labor-1:bremen 15 November 2020") == [
        DONE,
        told("lab:bremen", "More time for “Sachstandsbericht 1”: due not 30 October 2020 any more, but 15 November 2020."),
    ]


async def test_what_has_no_such_key_is_said_before_what_is_no_date(netz: Conversation) -> None:
    """Who writes a key in two words has not mistyped the day."""
    (refused,) = await netz.say("karla", "coordination", "!netz termin Workshop 2 auf den 3.12.2020")
    assert refused.words.startswith("»Workshop« kenne ich nicht. Meintest du workshop-")


async def test_a_remark_keeps_its_lines(netz: Conversation) -> None:
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1")
    await netz.say("karla", "coordination", "!netz bericht nachfordern labor-1:bremen Es fehlen:\n- Zahlen\n- <Namen>")
    body, html = (netz.written[-1].content[field] for field in ("body", "formatted_body"))
    assert "\n\nEs fehlen:\n- Zahlen\n- <Namen>\n\n" in body
    assert "<blockquote>Es fehlen:<br>- Zahlen<br>- &lt;Namen&gt;</blockquote>" in html
    assert (await shown(netz))[3:6] == ["Bemerkung der Koordination: Es fehlen:", "- Zahlen", "- <Namen>"]
