"""From what is to be said to what a person reads: catalogue, dates, templates, and the two bodies of a Matrix message."""

from bot.rendering.catalogue import LANGUAGES, Catalogue, catalogue
from bot.rendering.templates import Rendered, Template, render, template, template_file

__all__ = ["LANGUAGES", "Catalogue", "Rendered", "Template", "catalogue", "render", "template", "template_file"]
