"""From what is to be said to what a person reads: catalogue, dates, templates, and the two bodies of a Matrix message."""

from bot.rendering.catalogue import LANGUAGES, Catalogue, catalogue
from bot.rendering.templates import EVERYBODY, Rendered, Template, render, template, template_file

__all__ = ["EVERYBODY", "LANGUAGES", "Catalogue", "Rendered", "Template", "catalogue", "render", "template", "template_file"]
