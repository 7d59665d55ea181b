"""Time zones by the names that people type."""

import pytest

from bot.domain.time_zones import read_zone
from bot.errors import UserError


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("New_York", "America/New_York"),
        ("UTC", "UTC"),
    ],
)
def test_known(typed: str, zone: str) -> None:
    assert read_zone(typed).key == zone


@pytest.mark.parametrize("typed", ["", "Berln", "../../etc/passwd", "/etc/localtime", "GMT+25", "x" * 500])
def test_unknown(typed: str) -> None:
    """Also what would be a path."""
    with pytest.raises(UserError):
        read_zone(typed)


def test_a_town_that_is_there_twice() -> None:
    """Which one is meant, nobody can know."""
    with pytest.raises(UserError, match="keine Zeitzone") as refused:
        read_zone("Louisville")
    guess = refused.value.text.data["guess"]
    assert "America/Kentucky/Louisville" in str(guess)
