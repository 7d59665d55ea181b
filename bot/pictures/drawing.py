"""From a layout to a PNG: SVG by a template, everything in it escaped, drawn by resvg with the font that is shipped."""

import asyncio
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import jinja2
import resvg_py

from bot.pictures import reminders
from bot.pictures.fonts import FAMILY, FILES
from bot.pictures.reminders import Chart
from bot.pictures.shapes import Drawing
from bot.pictures.timeline import Timeline, layout

_REMEMBERED = 8
"""Pictures that are kept: a picture is the same for everybody until the next day, and each has about 100 kB."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, and its size in pixels."""

    data: bytes
    width: int
    height: int


async def draw_reminders(chart: Chart, ending: str) -> bytes:
    """Return the picture of a period's reminders as a file. `ending`: `.svg` or `.png`. Drawn beside the event loop."""
    return await asyncio.to_thread(_reminders, chart, ending)


def _reminders(chart: Chart, ending: str) -> bytes:
    source = svg(reminders.layout(chart), fitted=ending == ".svg")
    return source.encode() if ending == ".svg" else png(source)


async def draw_timeline(timeline: Timeline) -> Picture:
    """Return the picture of a time line. Drawn beside the event loop; it takes 0.1 s."""
    return await asyncio.to_thread(_draw, timeline)


def _draw(timeline: Timeline) -> Picture:
    drawing = layout(timeline)
    return Picture(png(svg(drawing)), drawing.width, drawing.height)


def svg(drawing: Drawing, *, fitted: bool = False) -> str:
    """Return the SVG of a laid out time line. `fitted`: each text says how wide it is, for machines that do not have our font."""
    return _template("timeline.svg.j2").render(drawing=drawing, family=FAMILY, fitted=fitted)


@lru_cache(_REMEMBERED)
def png(source: str) -> bytes:
    """Return an SVG as PNG. Raises `ValueError` if it is not well-formed."""
    files = [str(file) for file in FILES.values()]
    return resvg_py.svg_to_bytes(svg_string=source, skip_system_fonts=True, font_files=files, font_family=FAMILY)


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
    )
    return environment.get_template(name)
