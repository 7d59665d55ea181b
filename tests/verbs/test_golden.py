"""The whole programme of the example network: everything that is said in three years, reviewed line by line (docs/adr/0015)."""

import difflib

import pytest

from tests.verbs.golden.programme import KEPT, SILENT, Course, written


@pytest.mark.parametrize("course", [SILENT, KEPT], ids=lambda course: course.file.stem)
async def test_the_whole_programme(course: Course) -> None:
    """Whoever changes a reminder sees here what it does to three years, and reviews it before writing the file anew."""
    reviewed, now = course.file.read_text("utf-8").splitlines(), (await written(course)).splitlines()
    difference = "\n".join(difflib.unified_diff(reviewed, now, "reviewed", "now", n=1, lineterm=""))
    assert not difference, f"{course.file.name}; if it is meant: python -m tests.verbs.golden\n{difference}"
