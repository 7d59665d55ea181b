"""Pictures: laid out by pure functions, drawn as SVG by a template, handed over as PNG or as they are."""

from bot.pictures.drawing import Picture, draw_reminders, draw_timeline

__all__ = ["Picture", "draw_reminders", "draw_timeline"]
