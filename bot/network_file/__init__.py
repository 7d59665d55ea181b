"""The data file: TOML that a coordinator writes, read into a `Network`, or every mistake in it at once, with lines."""

from bot.network_file.reading import read_network, read_network_file
from bot.network_file.toml_tables import FileMistakes, Mistake

__all__ = ["FileMistakes", "Mistake", "read_network", "read_network_file"]
