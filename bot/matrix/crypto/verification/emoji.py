"""The 64 emoji of `m.sas.v1` and their names: Client-Server API v1.18, "SAS method: emoji"; German as in the table's translations."""

from collections.abc import Iterable

_TABLE = (
    ("🐶", "Hund", "Dog"),
    ("🐱", "Katze", "Cat"),
    ("🦁", "Löwe", "Lion"),
    ("🐎", "Pferd", "Horse"),
    ("🦄", "Einhorn", "Unicorn"),
    ("🐷", "Schwein", "Pig"),
    ("🐘", "Elefant", "Elephant"),
    ("🐰", "Hase", "Rabbit"),
    ("🐼", "Panda", "Panda"),
    ("🐓", "Hahn", "Rooster"),
    ("🐧", "Pinguin", "Penguin"),
    ("🐢", "Schildkröte", "Turtle"),
    ("🐟", "Fisch", "Fish"),
    ("🐙", "Oktopus", "Octopus"),
    ("🦋", "Schmetterling", "Butterfly"),
    ("🌷", "Blume", "Flower"),
    ("🌳", "Baum", "Tree"),
    ("🌵", "Kaktus", "Cactus"),
    ("🍄", "Pilz", "Mushroom"),
    ("🌏", "Globus", "Globe"),
    ("🌙", "Mond", "Moon"),
    ("☁️", "Wolke", "Cloud"),
    ("🔥", "Feuer", "Fire"),
    ("🍌", "Banane", "Banana"),
    ("🍎", "Apfel", "Apple"),
    ("🍓", "Erdbeere", "Strawberry"),
    ("🌽", "Mais", "Corn"),
    ("🍕", "Pizza", "Pizza"),
    ("🎂", "Kuchen", "Cake"),
    ("❤️", "Herz", "Heart"),
    ("😀", "Lächeln", "Smiley"),
    ("🤖", "Roboter", "Robot"),
    ("🎩", "Hut", "Hat"),
    ("👓", "Brille", "Glasses"),
    ("🔧", "Schraubenschlüssel", "Spanner"),
    ("🎅", "Weihnachtsmann", "Santa"),
    ("👍", "Daumen hoch", "Thumbs Up"),
    ("☂️", "Regenschirm", "Umbrella"),
    ("⌛", "Sanduhr", "Hourglass"),
    ("⏰", "Uhr", "Clock"),
    ("🎁", "Geschenk", "Gift"),
    ("💡", "Glühbirne", "Light Bulb"),
    ("📕", "Buch", "Book"),
    ("✏️", "Bleistift", "Pencil"),
    ("📎", "Büroklammer", "Paperclip"),
    ("✂️", "Schere", "Scissors"),
    ("🔒", "Schloss", "Lock"),
    ("🔑", "Schlüssel", "Key"),
    ("🔨", "Hammer", "Hammer"),
    ("☎️", "Telefon", "Telephone"),
    ("🏁", "Flagge", "Flag"),
    ("🚂", "Zug", "Train"),
    ("🚲", "Fahrrad", "Bicycle"),
    ("✈️", "Flugzeug", "Aeroplane"),
    ("🚀", "Rakete", "Rocket"),
    ("🏆", "Pokal", "Trophy"),
    ("⚽", "Ball", "Ball"),
    ("🎸", "Gitarre", "Guitar"),
    ("🎺", "Trompete", "Trumpet"),
    ("🔔", "Glocke", "Bell"),
    ("⚓", "Anker", "Anchor"),
    ("🎧", "Kopfhörer", "Headphones"),
    ("📁", "Ordner", "Folder"),
    ("📌", "Stecknadel", "Pin"),
)
_NAMES_IN = {"de": 1, "en": 2}


def named(numbers: Iterable[int], language: str) -> list[str]:
    """Return symbol and name of each number (0 to 63), e.g. `🐶 Hund`; an unknown language gets the German names."""
    column = _NAMES_IN.get(language, _NAMES_IN["de"])
    return [f"{_TABLE[number][0]} {_TABLE[number][column]}" for number in numbers]


def symbols() -> list[str]:
    """Return all 64 symbols in order."""
    return [row[0] for row in _TABLE]
