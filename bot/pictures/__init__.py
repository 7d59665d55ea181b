"""Pictures: laid out by pure functions, drawn as SVG by a template, handed over as PNG."""

from bot.pictures.drawing import Picture, draw_timeline

__all__ = ["Picture", "draw_timeline"]
