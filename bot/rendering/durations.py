"""Lengths of time as people read them."""

from datetime import timedelta

from babel.units import format_unit

_UNITS = {"duration-day": 24 * 3600, "duration-hour": 3600, "duration-minute": 60, "duration-second": 1}


def format_duration(length: timedelta, language: str) -> str:
    """Return a length in the largest unit that it is whole in: "1 Tag", "36 Stunden", "90 Minuten"."""
    seconds = round(length.total_seconds())
    unit = next(unit for unit, size in _UNITS.items() if seconds % size == 0)
    return format_unit(seconds // _UNITS[unit], unit, "long", locale=language)
