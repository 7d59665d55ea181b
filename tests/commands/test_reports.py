"""Reports: handing in, taking back, and who sees what of it."""

import asyncio
from datetime import datetime

import pytest

from bot.domain.reports import RESEARCH
from tests.commands.conftest import PEOPLE
from tests.conversation import ZONE, Conversation, notice

DONE_IN_BREMEN = [("lab:bremen", "reaction", "✅")]
LINK = "https://bremen.example/sachstand.pdf"


async def test_a_lab_hands_in_and_sees_it(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz berichte") == [
        notice(
            "lab:bremen",
            "Berichte: Bremen und Region",
            "",
            "• ◻️ Sachstandsbericht 1 (labor-1), offen (30. Oktober 2020)",
            "• ◻️ Sachstandsbericht 2 (labor-2), offen (2021, Termin noch offen)",
            "• ◻️ Bilanzierender Projektbericht (labor-projekt), offen (2022, Termin noch offen)",
            "",
            "Ist einer fertig? !netz bericht abgegeben labor-1",
        )
    ]
    assert await netz.say("anke", "lab:bremen", f"!netz bericht abgegeben labor-1 {LINK}") == DONE_IN_BREMEN
    assert await netz.say("anke", "lab:bremen", "!netz bericht labor-1") == [
        notice(
            "lab:bremen",
            "✅ Sachstandsbericht 1 (labor-1), Bremen und Region",
            "abgegeben am 12. Oktober 2020, von @anke:example.org",
            LINK,
        )
    ]
    (listed,) = await netz.say("anke", "lab:bremen", "!netz berichte")
    assert "• ✅ Sachstandsbericht 1 (labor-1), abgegeben am 12. Oktober 2020" in listed.words.split("\n")
    assert listed.words.endswith("Ist einer fertig? !netz bericht abgegeben labor-2")


@pytest.mark.parametrize("said", ["1", "labor-1", "Labor-1.", "labor-1:bremen", "labor-1:Bremen"])
async def test_what_a_report_may_be_called_in_a_lab(netz: Conversation, said: str) -> None:
    assert await netz.say("anke", "lab:bremen", f"!netz bericht abgegeben {said}") == DONE_IN_BREMEN


async def test_handing_in_twice(netz: Conversation) -> None:
    """The first time counts as long as nothing new is said; a link, once given, is not lost."""
    await netz.say("anke", "lab:bremen", f"!netz bericht abgegeben labor-1 {LINK}")
    netz.clock.shown = datetime(2020, 10, 20, 9, 0, tzinfo=ZONE)
    for again in ("labor-1", f"labor-1 {LINK}"):
        assert await netz.say("anke", "lab:bremen", f"!netz bericht abgegeben {again}") == DONE_IN_BREMEN
    (shown,) = await netz.say("anke", "lab:bremen", "!netz bericht labor-1")
    assert shown.words.split("\n")[1:] == ["abgegeben am 12. Oktober 2020, von @anke:example.org", LINK]

    assert await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1 https://other.example/") == DONE_IN_BREMEN
    (shown,) = await netz.say("anke", "lab:bremen", "!netz bericht labor-1")
    assert shown.words.split("\n")[1:] == ["abgegeben am 20. Oktober 2020, von @anke:example.org", "https://other.example/"]


async def test_two_hand_in_at_once(netz: Conversation) -> None:
    """One row stays, and nobody sees an error."""
    netz.members.rooms["!lab-bremen:example.org"] |= {f"@p{n}:example.org" for n in range(5)}
    said = [(f"p{n}", f"!netz bericht abgegeben labor-1 https://example.org/{n}") for n in range(5)]
    await asyncio.gather(*(netz.hear(person, "lab:bremen", body) for person, body in said))
    assert await netz.what_was_said() == DONE_IN_BREMEN * 5
    (shown,) = await netz.say("anke", "lab:bremen", "!netz bericht labor-1")
    assert shown.words.startswith("✅ ")


async def test_taking_back(netz: Conversation) -> None:
    was_open = notice("lab:bremen", "»Sachstandsbericht 1« war nicht als abgegeben vermerkt.")
    assert await netz.say("anke", "lab:bremen", "!netz bericht zurück labor-1") == [was_open]
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1")
    assert await netz.say("anke", "lab:bremen", "!netz bericht zurück labor-1") == DONE_IN_BREMEN
    assert await netz.say("anke", "lab:bremen", "!netz bericht zurück labor-1") == [was_open]


async def test_taking_back_in_the_networks_room_tells_nobody_else_how_things_stand(netz: Conversation) -> None:
    assert await netz.say("anke", "network", "!netz bericht zurück labor-1") == [
        notice("lab:bremen", "Antwort für @anke:example.org:", "", "»Sachstandsbericht 1« war nicht als abgegeben vermerkt."),
        notice("network", "Das gehört nicht in diesen Raum; die Antwort steht in »Labor Bremen und Region«."),
    ]


@pytest.mark.parametrize(
    "link",
    [
        "ftp://bremen.example/x",
        "javascript:alert(1)",
        "bremen.example/x",
        "https://",
        "https://[",
        "http://\u200b/",
        "file:///etc/passwd",
    ],
)
async def test_what_is_no_link(netz: Conversation, link: str) -> None:
    (answer,) = await netz.say("anke", "lab:bremen", f"!netz bericht abgegeben labor-1 {link}")
    assert answer.words.split("\n")[0].endswith("« ist kein Link. Richtig wäre zum Beispiel https://example.org/bericht.pdf.")
    (shown,) = await netz.say("anke", "lab:bremen", "!netz bericht labor-1")
    assert shown.words.startswith("◻️ ")


async def test_a_link_is_shown_as_typed_and_never_is_one(netz: Conversation) -> None:
    """What somebody in a lab typed is read by coordinators in their room: no markup, no mention, nothing to click by mistake."""
    typed = "https://matrix.to/#/@karla:example.org?<a/href=https://evil.example>@room</a>"
    assert await netz.say("anke", "lab:bremen", f"!netz bericht abgegeben labor-1 {typed}") == DONE_IN_BREMEN
    for said in ("bericht labor-1", "bericht labor-1:bremen"):
        (answer,) = await netz.say("karla", "coordination", f"!netz {said}")
        assert typed in answer.words
        html = netz.written[0].content["formatted_body"]
        assert "<a" not in html
        assert "<code>https://matrix.to/#/@karla:example.org?&lt;a/href=https://evil.example&gt;@room&lt;/a&gt;</code>" in html
        assert netz.written[0].content["m.mentions"] == {}


async def test_research_hands_in(netz: Conversation) -> None:
    assert await netz.say("fatma", "research", "!netz bericht abgegeben 1") == [("research", "reaction", "✅")]
    assert await netz.say("fatma", "direct", "bericht forschung-1") == [
        notice("direct", "✅ Sachstandsbericht 1 (forschung-1), Forschung", "abgegeben am 12. Oktober 2020, von @fatma:example.org")
    ]
    assert await netz.say("fatma", "direct", "bericht abgegeben labor-1") == [
        notice("direct", "Das geht nur im Raum deines Labors oder im Direktchat, und nur für das eigene Labor.")
    ]
    assert await netz.say("fatma", "research", "!netz bericht abgegeben forschung-1:bremen") == [
        notice("research", "»forschung-1« ist ein Bericht der Forschung, nicht eines Labors.")
    ]


async def test_nobody_hands_in_for_another_lab(netz: Conversation) -> None:
    assert await netz.say("anke", "direct", "bericht abgegeben labor-1:bergstrasse") == [
        notice("direct", "Das darf nur, wer in »Labor Bergstraße« ist; bitte schreib es dort.")
    ]
    assert await netz.say("karla", "direct", "bericht abgegeben labor-1:bremen") == [
        notice("direct", "Das darf nur, wer in einem dieser Räume ist: dem Raum deines Labors oder »Forschung«.")
    ]
    assert await netz.say("anke", "lab:bremen", "!netz bericht abgegeben forschung-1") == [
        notice("lab:bremen", "Das darf nur, wer in »Forschung« ist; bitte schreib es dort.")
    ]


async def test_in_the_room_of_a_lab_it_is_about_that_lab(netz: Conversation) -> None:
    """Somebody who belongs to two labs acts, in the room of one, for that one only."""
    netz.members.rooms["!lab-bergstrasse:example.org"].add("@anke:example.org")
    assert await netz.say("anke", "lab:bergstrasse", "!netz bericht abgegeben labor-1") == [("lab:bergstrasse", "reaction", "✅")]
    assert await netz.say("anke", "lab:bergstrasse", "!netz bericht abgegeben labor-1:bremen") == [
        notice("lab:bergstrasse", "Das darf nur, wer in »Labor Bremen und Region« ist; bitte schreib es dort.")
    ]
    assert await netz.say("anke", "direct", "bericht abgegeben labor-1") == [
        notice("direct", "Für welches Labor? Schreib zum Beispiel: labor-1:bergstrasse · labor-1:bremen")
    ]
    assert await netz.say("anke", "direct", "bericht abgegeben labor-1:bremen") == [("direct", "reaction", "✅")]


async def test_two_labs_are_not_mixed_in_the_networks_room(netz: Conversation) -> None:
    netz.members.rooms["!lab-bergstrasse:example.org"].add("@anke:example.org")
    assert await netz.say("anke", "network", "!netz berichte") == [
        notice("network", "Du gehörst zu mehreren. Frag im Raum des Labors oder der Forschung, oder schreib mir direkt.")
    ]
    assert await netz.say("anke", "network", "!netz bericht labor-1") == [
        notice("network", "Für welches Labor? Schreib zum Beispiel: labor-1:bergstrasse · labor-1:bremen")
    ]
    (both,) = await netz.say("anke", "direct", "berichte")
    assert [line for line in both.words.split("\n") if line.startswith("Berichte")] == [
        "Berichte: Bergstraße",
        "Berichte: Bremen und Region",
    ]
    (both,) = await netz.say("anke", "direct", "bericht labor-1")
    assert both.words == (
        "◻️ Sachstandsbericht 1 (labor-1), Bergstraße\noffen (30. Oktober 2020)\n\n"
        "◻️ Sachstandsbericht 1 (labor-1), Bremen und Region\noffen (30. Oktober 2020)"
    )


async def test_asked_in_the_networks_room_answered_at_home(netz: Conversation) -> None:
    assert await netz.say("bernd", "network", "!netz bericht labor-1") == [
        notice(
            "lab:bergstrasse",
            "Antwort für @bernd:example.org:",
            "",
            "◻️ Sachstandsbericht 1 (labor-1), Bergstraße",
            "offen (30. Oktober 2020)",
            "",
            "Ist er fertig? !netz bericht abgegeben labor-1",
        ),
        notice("network", "Das gehört nicht in diesen Raum; die Antwort steht in »Labor Bergstraße«."),
    ]


async def test_no_other_labs_reports(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz bericht labor-1:bergstrasse") == [
        notice("lab:bremen", "Das sieht nur, wer in »Labor Bergstraße« oder »Koordination« ist.")
    ]
    assert await netz.say("anke", "direct", "bericht forschung-1") == [
        notice("direct", "Das sieht nur, wer in »Forschung« oder »Koordination« ist.")
    ]


async def test_coordinators_see_all_at_a_glance(netz: Conversation) -> None:
    labs = [room.removeprefix("lab:") for room in PEOPLE if room.startswith("lab:")]
    await _handed_in(netz, "labor-1", [lab for lab in labs if lab not in ("bremen", "marburg-biedenkopf")])
    await _handed_in(netz, "labor-2", ["bremen", "oberrhein"])
    await _handed_in(netz, "labor-projekt", labs)
    await _handed_in(netz, "forschung-1", [RESEARCH])
    netz.clock.shown = datetime(2020, 11, 2, 9, 0, tzinfo=ZONE)
    (answer,) = await netz.say("konrad", "coordination", "!netz berichte")
    assert answer.words.split("\n")[:9] == [
        "Berichte der Labore",
        "",
        "• ❗ Sachstandsbericht 1 (labor-1), 30. Oktober 2020: 11 von 13 abgegeben, es fehlen: Bremen und Region · Marburg-Biedenkopf",
        "• Sachstandsbericht 2 (labor-2), 2021, Termin noch offen: 2 von 13 abgegeben: Bremen und Region · Region Oberrhein",
        "• Bilanzierender Projektbericht (labor-projekt), 2022, Termin noch offen: alle 13 abgegeben",
        "",
        "Sachstandsberichte und Ergebnisdokumente der Forschungsassistenz",
        "",
        "• ✅ Sachstandsbericht 1 (forschung-1), abgegeben am 12. Oktober 2020",
    ]
    assert await netz.say("konrad", "direct", "bericht labor-2") == [
        notice(
            "direct",
            "Sachstandsbericht 2 (labor-2), 2021, Termin noch offen",
            "",
            "• ✅ Bremen und Region, abgegeben am 12. Oktober 2020",
            "• ✅ Region Oberrhein, abgegeben am 12. Oktober 2020",
            "",
            "Es fehlen: Bad Belzig und Wiesenburg · Bad Berleburg und weitere Bäder · Bergstraße · Essen, Lünen, Landkreis Wesel"
            " · Marburg-Biedenkopf · Merseburg und Schkopau · Merzenich und Kerpen · Regionallabor Niederrhein · Region Partheland"
            " · Region Rhein-Neckar · Würzburg und Gerbrunn",
        )
    ]


async def _handed_in(netz: Conversation, report: str, debtors: list[str]) -> None:
    for debtor in debtors:
        place = RESEARCH if debtor == RESEARCH else f"lab:{debtor}"
        netz.members.rooms[f"!{place.replace(':', '-')}:example.org"].add("@helga:example.org")
        assert await netz.say("helga", place, f"!netz bericht abgegeben {report}") == [(place, "reaction", "✅")]


async def test_overdue(netz: Conversation) -> None:
    netz.clock.shown = datetime(2020, 10, 31, 0, 5, tzinfo=ZONE)
    (answer,) = await netz.say("anke", "lab:bremen", "!netz berichte")
    assert answer.words.split("\n")[2] == "• ❗ Sachstandsbericht 1 (labor-1), überfällig (30. Oktober 2020)"


async def test_a_coordinator_asks_in_a_labs_room(netz: Conversation) -> None:
    """That lab's own is shown there; what is not for it goes to the coordination room."""
    netz.members.rooms["!lab-bremen:example.org"].add("@karla:example.org")
    (own,) = await netz.say("karla", "lab:bremen", "!netz berichte")
    assert own.words.startswith("Berichte: Bremen und Region\n")
    answers = await netz.say("karla", "lab:bremen", "!netz bericht labor-1:bergstrasse")
    assert [answer.room for answer in answers] == ["coordination", "lab:bremen"]
    assert answers[1] == notice("lab:bremen", "Das gehört nicht in diesen Raum; die Antwort steht in »Koordination«.")


async def test_a_report_that_is_not_there(netz: Conversation) -> None:
    assert await netz.say("anke", "lab:bremen", "!netz bericht labr-1") == [
        notice("lab:bremen", "Einen Bericht »labr-1« kenne ich nicht. Meintest du labor-1 · labor-2?")
    ]
    assert await netz.say("karla", "coordination", "!netz bericht 1") == [
        notice("coordination", "»1« kann mehrere Berichte meinen: labor-1 · forschung-1.")
    ]
    (answer,) = await netz.say("anke", "lab:bremen", "!netz bericht steuern")
    assert answer.words.startswith(
        "Einen Bericht »steuern« kenne ich nicht. Es gibt: labor-1, labor-2, labor-projekt, forschung-1, "
    )
    assert await netz.say("karla", "coordination", "!netz bericht labor-1:timbuktu") == [
        notice("coordination", "Ein Labor »timbuktu« kenne ich nicht. Alle zeigt: !netz labore")
    ]
