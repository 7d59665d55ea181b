"""The German states by their ISO 3166-2 codes, with the names that Babel has none of."""

_NAMES = {
    "DE-BB": ("Brandenburg", "Brandenburg"),
    "DE-BE": ("Berlin", "Berlin"),
    "DE-BW": ("Baden-Württemberg", "Baden-Württemberg"),
    "DE-BY": ("Bayern", "Bavaria"),
    "DE-HB": ("Bremen", "Bremen"),
    "DE-HE": ("Hessen", "Hesse"),
    "DE-HH": ("Hamburg", "Hamburg"),
    "DE-MV": ("Mecklenburg-Vorpommern", "Mecklenburg-Western Pomerania"),
    "DE-NI": ("Niedersachsen", "Lower Saxony"),
    "DE-NW": ("Nordrhein-Westfalen", "North Rhine-Westphalia"),
    "DE-RP": ("Rheinland-Pfalz", "Rhineland-Palatinate"),
    "DE-SH": ("Schleswig-Holstein", "Schleswig-Holstein"),
    "DE-SL": ("Saarland", "Saarland"),
    "DE-SN": ("Sachsen", "Saxony"),
    "DE-ST": ("Sachsen-Anhalt", "Saxony-Anhalt"),
    "DE-TH": ("Thüringen", "Thuringia"),
}


def state_name(code: str, language: str) -> str:
    """Return a state's name in German or English; an unknown code is returned as it is."""
    german, english = _NAMES.get(code, (code, code))
    return english if language == "en" else german


def state_names(code: str) -> tuple[str, ...]:
    """Return everything that people call a state: its names in both languages, and the code with and without `DE-`."""
    return (*_NAMES.get(code, ()), code, code.removeprefix("DE-"))
