"""Labs: the list, one of them, and the search."""

import pytest

from tests.conversation import Conversation, notice


async def test_labs_of_a_state(netz: Conversation) -> None:
    hessen = notice(
        "network",
        "2 Labore: Hessen",
        "",
        "• Bergstraße (Hessen): Partizipation",
        "• Marburg-Biedenkopf (Hessen): Partizipation, Regionalentwicklung",
        "",
        "Mehr zu einem: !netz labor bergstrasse",
    )
    for said in ("labore hessen", "Labore Hessen", "labs Hesse", "labore HE", "labore „Hessen“", "labore hessen,"):
        assert await netz.say("nora", "network", f"!netz {said}") == [hessen], said


async def test_labs_of_a_topic_in_a_state(netz: Conversation) -> None:
    merzenich = (
        "",
        "• Merzenich und Kerpen (Nordrhein-Westfalen): Strukturwandel, Open Data, Stadtentwicklung",
        "• Regionallabor Niederrhein (Nordrhein-Westfalen): Open Data, Partizipation",
        "",
        "Mehr zu einem: !netz labor merzenich-kerpen",
    )
    for said in ("nordrhein-westfalen, open data", "Nordrhein–Westfalen Open Data"):
        assert await netz.say("nora", "network", f"!netz labore {said}") == [
            notice("network", "2 Labore: Nordrhein-Westfalen · Open Data", *merzenich)
        ]


async def test_two_states_are_both(netz: Conversation) -> None:
    (answer,) = await netz.say("nora", "network", "!netz labore bremen, sachsen")
    assert answer.words.split("\n")[:4] == [
        "2 Labore: Bremen · Sachsen",
        "",
        "• Bremen und Region (Bremen): Transparenz",
        "• Region Partheland (Sachsen): Partizipation",
    ]


async def test_no_lab_is_all_of_it(netz: Conversation) -> None:
    assert await netz.say("nora", "network", "!netz labore bremen, open data") == [
        notice("network", "0 Labore: Bremen · Open Data")
    ]


async def test_all_labs(netz: Conversation) -> None:
    (answer,) = await netz.say("nora", "network", "!netz labore")
    lines = answer.words.split("\n")
    assert lines[0] == "13 Labore"
    assert lines[-3] == "• Würzburg und Gerbrunn (Bayern): Partizipation"
    assert len(lines) == 1 + 1 + 13 + 2


async def test_an_unknown_state_or_topic(netz: Conversation) -> None:
    assert await netz.say("nora", "network", "!netz labore hesen") == [
        notice("network", "Zu »hesen« kenne ich kein Labor. Meintest du Hessen?")
    ]
    (answer,) = await netz.say("nora", "network", "!netz labore hessen, Kaffee")
    assert answer.words.startswith("Zu »Kaffee« kenne ich kein Labor. Länder: Baden-Württemberg, Bayern, ")


@pytest.mark.parametrize("said", ["niederrhein", "Regionallabor Niederrhein", "moers", "Kleve", "NIEDERR"])
async def test_one_lab_by_any_of_its_names(netz: Conversation, said: str) -> None:
    assert await netz.say("nora", "network", f"!netz labor {said}") == [
        notice(
            "network",
            "Regionallabor Niederrhein",
            "Nordrhein-Westfalen · niederrhein",
            "",
            "• Kommunen: Moers, Kleve, Geldern",
            "• Partner: Hochschule Rhein-Waal, Heinrich-Heine-Universität Düsseldorf, Code for Niederrhein",
            "• Themen: Open Data, Partizipation",
        )
    ]


async def test_a_name_with_commas_in_it(netz: Conversation) -> None:
    (answer,) = await netz.say("nora", "network", "!netz labor Essen, Lünen, Landkreis Wesel")
    assert answer.words.startswith("Essen, Lünen, Landkreis Wesel\nNordrhein-Westfalen · essen-luenen-wesel\n")


async def test_a_lab_that_is_not_there(netz: Conversation) -> None:
    assert await netz.say("nora", "network", "!netz labor bremn") == [
        notice("network", "Ein Labor »bremn« kenne ich nicht. Meintest du Bremen?")
    ]
    assert await netz.say("nora", "network", "!netz labor bad") == [
        notice("network", "»bad« passt zu mehreren Laboren: Bad Belzig und Wiesenburg · Bad Berleburg und weitere Bäder.")
    ]
    assert await netz.say("nora", "network", "!netz labor Timbuktu") == [
        notice("network", "Ein Labor »Timbuktu« kenne ich nicht. Alle zeigt: !netz labore")
    ]


async def test_search_finds_labs_events_and_reports(netz: Conversation) -> None:
    assert await netz.say("nora", "network", "!netz suche Merzenich") == [
        notice(
            "network",
            "Labore",
            "",
            "• Merzenich und Kerpen (Nordrhein-Westfalen)",
            "",
            "Programm",
            "",
            "• 4. Netzwerk-Workshop, 30. September – 1. Oktober 2021",
        )
    ]
    assert await netz.say("nora", "network", "!netz suche abschluss") == [
        notice(
            "network",
            "Programm",
            "",
            "• Abschlusskonferenz, Dezember 2022",
            "",
            "Berichte",
            "",
            "• Projektbericht zum Abschluss (forschung-projekt), November 2022",
            "• Leitfaden zum Abschluss (forschung-leitfaden), November 2022",
        )
    ]


async def test_a_search_with_many_hits_is_cut(netz: Conversation) -> None:
    (answer,) = await netz.say("nora", "network", "!netz suche bericht")
    lines = answer.words.split("\n")
    assert len(lines) == 2 + 8 + 1
    assert lines[-1] == "• … und 4 weitere"


async def test_a_search_without_hits(netz: Conversation) -> None:
    assert await netz.say("nora", "network", "!netz suche Merzenig") == [
        notice("network", "Zu »Merzenig« finde ich nichts. Meintest du Merzenich?")
    ]
    assert await netz.say("nora", "network", "!netz suche <b>@room</b>") == [
        notice("network", "Zu »<b>@room</b>« finde ich nichts.")
    ]
    assert "&lt;b&gt;@room&lt;/b&gt;" in netz.written[0].content["formatted_body"]
