"""Writes the golden files anew. What has changed is to be reviewed line by line, and explained in docs/adr/0015.

python -m tests.verbs.golden
"""

import asyncio
import sys

from tests.verbs.golden.programme import KEPT, SILENT, written


async def main() -> None:
    """Write both files."""
    for course in (SILENT, KEPT):
        course.file.write_text(await written(course), "utf-8")
        sys.stdout.write(f"{course.file.name}\n")


if __name__ == "__main__":
    asyncio.run(main())
