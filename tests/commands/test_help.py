"""Help, who somebody is, and the language of a room."""

from tests.conversation import Conversation, notice


async def test_help_shows_what_the_caller_may_run_here(netz: Conversation) -> None:
    """In the order of the alphabet: each command as it is written, and what it does in one line."""
    (answer,) = await netz.say("nora", "network", "!netz hilfe")
    first, empty, *lines = answer.words.split("\n")
    assert (first, empty) == ("Das kannst du mir schreiben, jeweils mit !netz davor:", "")
    assert "• suche <suchwort> – Sucht in Laboren, Programm und Berichten." in lines
    assert [line.removeprefix("• ").partition(" – ")[0] for line in lines] == [
        "abwesend bis <datum>",
        "erinnern [wen] <wann> [bis erledigt] <text>",
        "erinnerung erledigt <nummer>",
        "erinnerung löschen <nummer>",
        "erinnerungen",
        "hilfe [befehl]",
        "ich",
        "labor <name>",
        "labore [land, thema]",
        "phase",
        "programm",
        "sprache <de|en>",
        "suche <suchwort>",
        "verschieben <nummer> <wann>",
        "wecker [wen] <wann> [bis erledigt] <text>",
        "wieder da",
        "workshop [nummer]",
        "zeitplan",
        "zeitzone [<name>|netzwerk]",
    ]


async def test_help_for_a_stranger(netz: Conversation) -> None:
    for place, first in (
        ("direct", "Das kannst du mir schreiben:"),
        ("unknown", "Das kannst du mir schreiben, jeweils mit !netz davor:"),
    ):
        assert await netz.say("xaver", place, "!netz hilfe") == [
            notice(
                place,
                first,
                "",
                "• hilfe [befehl] – Zeigt, was du hier von mir haben kannst, oder erklärt einen Befehl.",
                "• ich – Sagt, welche Rollen du hast und welcher Raum sie dir gibt.",
                "",
                "Mehr darf, wer in »Netzwerk« oder im Raum eines Labors ist, und zwar dort oder im Direktchat.",
            )
        ]


async def test_help_about_a_command(netz: Conversation) -> None:
    about = notice(
        "lab:bremen",
        "!netz bericht abgegeben <bericht> [link]",
        "Vermerkt einen Bericht als abgegeben, mit Link oder als Antwort auf eine Datei. Im Direktchat notfalls mit Labor: labor-1:bremen.",
        "",
        "Zum Beispiel:",
        "!netz bericht abgegeben labor-1 https://example.org/bericht.pdf",
        "!netz bericht abgegeben labor-1",
        "",
        "Wer darf: wer in »Labor Bremen und Region« ist · wer in »Forschung« ist",
        "Auch: report submitted · bericht abgeben · report submit",
    )
    for name in ("bericht abgegeben", "Report Submitted", "!netz bericht abgegeben", "„bericht abgegeben“"):
        assert await netz.say("anke", "lab:bremen", f"!netz hilfe {name}") == [about], name


async def test_help_about_a_command_that_only_others_may_run(netz: Conversation) -> None:
    (answer,) = await netz.say("anke", "lab:bremen", "!netz hilfe rundruf")
    assert answer.words.split("\n")[-2:] == ["Wer darf: wer in »Koordination« ist", "Auch: broadcast"]
    assert await netz.say("xaver", "direct", "hilfe rundruf") == [
        notice("direct", "Das darf nur, wer in »Netzwerk« oder im Raum eines Labors ist.")
    ]


async def test_help_about_nothing_known(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz hilfe rundrufe") == [
        notice("lab:bremen", "»rundrufe« kenne ich nicht. Meintest du rundruf?")
    ]
    assert await netz.say("anke", "lab:bremen", "!netz hilfe Kaffee kochen") == [
        notice("lab:bremen", "»Kaffee kochen« kenne ich nicht. Was ich kann, sagt dir: !netz hilfe")
    ]


async def test_who_am_i(netz: Conversation) -> None:
    assert await netz.say("karla", "direct", "ich") == [
        notice(
            "direct",
            "Deine Rollen:",
            "",
            "• Koordination, weil du in »Koordination« bist",
            "• Mitglied des Netzwerks, weil du in »Netzwerk« bist",
            "",
            "Was du hier darfst: !netz hilfe",
        )
    ]
    assert await netz.say("anke", "lab:bremen", "!netz whoami") == [
        notice(
            "lab:bremen",
            "Deine Rollen:",
            "",
            "• Mitglied des Netzwerks, weil du in »Netzwerk« bist",
            "• Labor Bremen und Region, weil du in »Labor Bremen und Region« bist",
            "",
            "Was du hier darfst: !netz hilfe",
        )
    ]
    assert await netz.say("xaver", "direct", "ich") == [
        notice(
            "direct",
            "Du bist in keinem Raum des Netzwerks, deshalb kann ich dir nichts sagen."
            " Zugang gibt »Netzwerk« oder der Raum eines Labors.",
        )
    ]


async def test_roles_are_asked_anew_every_time(netz: Conversation) -> None:
    netz.members.rooms["!coordination:example.org"].discard("@karla:example.org")
    assert await netz.say("karla", "direct", "rundruf Hallo") == [notice("direct", "Das darf nur, wer in »Koordination« ist.")]


async def test_the_language_of_a_room(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz sprache en") == [
        notice("lab:bremen", "From now on I’ll answer in English here.")
    ]
    assert await netz.say("anke", "lab:bremen", "!netz workshop") == [
        notice("lab:bremen", "2. Netzwerk-Workshop", "24–27 November 2020, online (in 43 days)")
    ]
    assert await netz.say("anke", "network", "!netz workshop") == [
        notice("network", "2. Netzwerk-Workshop", "24.–27. November 2020, online (in 43 Tagen)")
    ]
    for said in ("language de", "Sprache Deutsch", "sprache GERMAN"):
        assert await netz.say("anke", "lab:bremen", f"!netz {said}") == [
            notice("lab:bremen", "Hier antworte ich ab jetzt auf Deutsch.")
        ]


async def test_a_language_that_it_does_not_speak(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz sprache fr") == [
        notice(
            "lab:bremen",
            "»fr« geht hier nicht. Möglich ist: de, en.",
            "",
            "So geht es: !netz sprache <de|en>",
            "Zum Beispiel: !netz sprache en",
        )
    ]


async def test_only_those_in_a_room_choose_its_language(netz: Conversation) -> None:
    assert await netz.say("bernd", "lab:bremen", "!netz sprache en") == [
        notice("lab:bremen", "Das darf nur, wer in »Labor Bremen und Region« ist; bitte schreib es dort.")
    ]


async def test_help_in_english(netz: Conversation) -> None:
    await netz.say("nora", "direct", "sprache en")
    (answer,) = await netz.say("nora", "direct", "help")
    first, _, *lines = answer.words.split("\n")
    assert first == "You can write to me:"
    assert "• back – Notes that you are away no longer." in lines
    assert lines == sorted(lines)
