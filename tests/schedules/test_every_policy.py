"""All policies at once: a new file needs no other edit, and misses nothing."""

import pytest

import schedules
from bot.registry import find_policies
from bot.rendering import catalogue

SIMULATED = [policy for policy in find_policies(schedules) if policy.simulated]


@pytest.mark.parametrize("language", ["de", "en"])
def test_each_says_what_kind_of_reminder_it_is(language: str) -> None:
    """In the picture of a simulation people read these, not the names of files; and no two are the same."""
    titles = [catalogue(language).say(policy.title) for policy in SIMULATED if policy.title]
    assert len(set(titles)) == len(SIMULATED)
