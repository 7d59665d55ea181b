"""The catalogue: German message ids, translated at the edge. English must be complete (a test checks it).

The `.po` files are read as they are: nothing is compiled, so nothing can be stale.
"""

import gettext
import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from bot.domain.dates import PartialDate
from bot.errors import Text
from bot.rendering.dates import format_partial

LOCALE_DIR = Path(__file__).parent.parent / "locale"
DOMAIN = "netzwart"
LANGUAGES = ("de", "en")


class Catalogue:
    """The sentences of one language."""

    def __init__(self, language: str, translations: gettext.NullTranslations) -> None:
        self.language = language
        self.translations = translations

    def say(self, message: Text) -> str:
        """Return the sentence, its data filled in; `Text` in it is translated too, and dates are written as people read them."""
        if message.plural is None:
            sentence = self.translations.gettext(message.msgid)
        else:
            sentence = self.translations.ngettext(message.msgid, message.plural, message.n)
        return sentence % {name: self._value(value) for name, value in message.data.items()}

    def _value(self, value: object) -> object:
        if isinstance(value, PartialDate):
            value = format_partial(value, self.language)
        return self.say(value) if isinstance(value, Text) else value


@cache
def catalogue(language: str) -> Catalogue:
    """Return the catalogue of `language`; an unknown language gets the German one."""
    path = LOCALE_DIR / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    if language == "de" or language not in LANGUAGES:
        return Catalogue("de", gettext.NullTranslations())
    with path.open("rb") as source:
        messages = read_po(source, locale=language, domain=DOMAIN, abort_invalid=True)
    binary = io.BytesIO()
    write_mo(binary, messages)
    binary.seek(0)
    return Catalogue(language, gettext.GNUTranslations(binary))
