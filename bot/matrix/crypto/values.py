"""Narrowing of JSON from outside: what is not of the shape that it ought to be is nothing."""

from typing import Any, cast


def object_of(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Return a JSON array; an empty one for anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def objects_of(value: object) -> list[dict[str, Any]]:
    """Return the objects in a JSON array; none for anything else."""
    return [cast("dict[str, Any]", each) for each in list_of(value) if isinstance(each, dict)]


def strings_of(value: object) -> list[str]:
    """Return the strings in a JSON array; none for anything else."""
    return [each for each in list_of(value) if isinstance(each, str)]
