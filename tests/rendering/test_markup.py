"""What people typed is shown as typed; the plain body says the same as the formatted one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import text
from bot.rendering import render, template
from bot.rendering.markup import markdown_to_html, plain_text

_TYPED = template("<p>{{ typed }}</p>")
_PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200)


@given(_PRINTABLE)
def test_what_people_typed_never_becomes_markup(typed: str) -> None:
    rendered = render(_TYPED, "de", {"typed": typed})
    assert re.findall(r"<[^>]*>", rendered.html) == ["<p>", "</p>"]
    assert rendered.mentions == ()
    assert rendered.body.split() == typed.split()


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("**fett** _kursiv_", "<p><strong>fett</strong> <em>kursiv</em></p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("[klick](javascript:alert(1))", "<p>[klick](javascript:alert(1))</p>"),
        ("[gut](https://example.org/a)", '<p><a href="https://example.org/a">gut</a></p>'),
        ("![Bild](https://example.org/a.png)", "<p></p>"),
        ("eins\nzwei", "<p>eins<br>\nzwei</p>"),
    ],
)
def test_a_coordinators_markdown(source: str, html: str) -> None:
    assert markdown_to_html(source) == html


@given(_PRINTABLE)
def test_no_markdown_gives_a_dangerous_tag(source: str) -> None:
    html = markdown_to_html(source)
    assert not re.search(r"<(script|img|iframe|style|object|svg|form|input)|\bon\w+=|javascript:[^<]*\">", html, re.IGNORECASE)


@pytest.mark.parametrize(
    ("html", "plain"),
    [
        ("<p>eins</p><p>zwei</p>", "eins\n\nzwei"),
        ("<p>Liste:</p><ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "Liste:\n\n• a\n• b\n  • c"),
        ('<ol start="3"><li>a</li><li>b</li></ol>', "3. a\n4. b"),
        ('<p><a href="https://example.org">hier</a></p>', "hier <https://example.org>"),
        ('<p><a href="https://matrix.to/#/@a:b.c">@a:b.c</a>, hallo</p>', "@a:b.c, hallo"),
        ("<p>1 &lt; 2 &amp; 3</p>", "1 < 2 & 3"),
        ("<pre>a  b\n c</pre>", "a  b\n c"),
    ],
)
def test_plain_body(html: str, plain: str) -> None:
    assert plain_text(html) == plain


def test_a_text_inside_the_data_is_translated_and_escaped() -> None:
    rendered = render(template("<p>{{ message }}</p>"), "de", {"message": text("Das ist %(what)s.", what="<b>")})
    assert rendered.html == "<p>Das ist &lt;b&gt;.</p>"
    assert rendered.body == "Das ist <b>."


def test_a_pill_is_a_mention() -> None:
    rendered = render(template("<p>{{ user|pill }}</p>"), "de", {"user": "@karla:netz.example"})
    assert rendered.html == '<p><a href="https://matrix.to/#/@karla:netz.example">@karla:netz.example</a></p>'
    assert (rendered.body, rendered.mentions) == ("@karla:netz.example", ("@karla:netz.example",))


def test_a_coordinators_code_keeps_its_indentation() -> None:
    rendered = render(template("{{ text|markdown }}"), "de", {"text": "```\nwenn a:\n\n    b\n```"})
    assert rendered.body == "wenn a:\n\n    b"
