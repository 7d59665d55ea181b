"""HTML as Matrix allows it, Markdown of coordinators made into it, and the plain body made out of it."""

import re
from html.parser import HTMLParser

import nh3
from markdown_it import MarkdownIt

# Client-Server API v1.18, 11.2.1.1 (m.room.message msgtypes, "HTML tags"); images are left out: they would load from elsewhere.
_TAGS = set(
    "del h1 h2 h3 h4 h5 h6 blockquote p a ul ol sup sub li b i u strong em s code hr br div table thead tbody tr th td caption"
    " pre span details summary".split()
)
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}, "code": {"class"}}
_SCHEMES = {"https", "http", "mailto", "matrix"}

_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True}).enable(["strikethrough", "table"])


def sanitise(html: str) -> str:
    """Return `html` with only the tags, attributes and link schemes that Matrix allows."""
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel=None,
        clean_content_tags={"script", "style", "mx-reply"},
    )


def markdown_to_html(source: str) -> str:
    """Return a coordinator's Markdown as sanitised HTML. HTML in it is shown as typed, never obeyed."""
    return sanitise(_markdown.render(source)).strip()


_SPACED = {"p", "pre", "blockquote", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6"}  # an empty line around them
_BROKEN = {"div", "details", "summary", "hr", "li", "tr"}  # on lines of their own


class _PlainText(HTMLParser):
    """Collects the text of our own (sanitised) HTML, with line breaks where a block or a list item begins or ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self._breaks = 0  # line breaks wanted before the next text
        self._numbers: list[int | None] = []  # one entry per open list: the next number, None for bullets
        self._after_mark = False  # what follows the bullet stays on its line
        self._preformatted = 0
        self._link: tuple[str, int] | None = None  # the address, and where its label begins

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._break_for(tag)
        match tag:
            case "br":
                self._write("\n")
            case "ul":
                self._numbers.append(None)
            case "ol":
                self._numbers.append(int(dict(attrs).get("start") or 1))
            case "li":
                self._write(self._item_mark())
                self._after_mark = True
            case "pre":
                self._preformatted += 1
            case "a" if href := dict(attrs).get("href"):
                self._link = (href, len(self.text))
            case _:
                pass

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "ul" | "ol" if self._numbers:
                self._numbers.pop()
            case "pre":
                self._preformatted -= 1
            case "td" | "th":
                self._write(" ")
            case "a" if self._link:
                href, start = self._link
                if not href.startswith("https://matrix.to/") and self.text[start:].strip() != href:
                    self._write(f" <{href}>")
                self._link = None
            case _:
                pass
        self._break_for(tag)

    def handle_data(self, data: str) -> None:
        if self._preformatted:
            self._write(data)
            return
        folded = re.sub(r"\s+", " ", data)
        at_start = self._breaks or not self.text or self.text[-1].isspace()
        self._write(folded.lstrip() if at_start else folded)

    def _break_for(self, tag: str) -> None:
        if self._after_mark:
            return
        if tag in _SPACED:
            self._breaks = max(self._breaks, 1 if self._numbers else 2)
        elif tag in _BROKEN:
            self._breaks = max(self._breaks, 1)

    def _item_mark(self) -> str:
        indent = "  " * (len(self._numbers) - 1)
        number = self._numbers[-1] if self._numbers else None
        if number is None:
            return f"{indent}• "
        self._numbers[-1] = number + 1
        return f"{indent}{number}. "

    def _write(self, text: str) -> None:
        if not text:
            return
        if self.text:
            self.text += "\n" * self._breaks
        self._breaks = 0
        self._after_mark = False
        self.text += text


def plain_text(html: str) -> str:
    """Return the plain body of a message for `html`: what somebody without formatting reads, lists and line breaks kept."""
    parser = _PlainText()
    parser.feed(html)
    parser.close()
    return "\n".join(line.rstrip() for line in parser.text.split("\n")).strip("\n")
