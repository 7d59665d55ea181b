"""Writes the golden files and the picture in the documentation anew.

What has changed is to be reviewed line by line, and explained in docs/adr/0015.

python -m tests.verbs.golden
"""

import asyncio
import sys

from bot.verbs.simulate import simulate
from tests.verbs.golden.programme import EXAMPLE, FIRST, KEPT, SILENT, UNTIL, written

PICTURE = EXAMPLE.parent.parent / "docs" / "simulated.svg"


async def main() -> None:
    """Write both files, and the picture."""
    for course in (SILENT, KEPT):
        course.file.write_text(await written(course), "utf-8")
        sys.stdout.write(f"{course.file.name}\n")
    period = FIRST.isoformat(), UNTIL.isoformat()
    await simulate(None, EXAMPLE, *period, show=lambda _: None, language="en", as_json=True, picture=PICTURE)
    sys.stdout.write(f"{PICTURE.name}\n")


if __name__ == "__main__":
    asyncio.run(main())
