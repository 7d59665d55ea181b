"""What these tests need beside the locked Python: Node and npm from the machine, and the packages of `package-lock.json`.

A machine without Node leaves the tests out and says so at the end, in red; where `CI` or `NETZWART_REQUIRE_NODE` is set they fail.
"""

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
LOCK = FOLDER / "package-lock.json"
MARKER = FOLDER / "node_modules" / ".netzwart-ready"
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")
OLDEST_NODE = 20
LEFT_OUT = "not proved, this machine lacks"
"""How the reason of a left out test begins."""


def missing() -> str | None:
    """Return what this machine lacks; None if nothing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "Node.js" if node is None else "npm"
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603  (found on PATH)
    version = re.match(r"v(\d+)\.", said)
    return (
        None if version and int(version[1]) >= OLDEST_NODE else f"Node.js {OLDEST_NODE} or newer (it has {said.strip() or 'none'})"
    )


def required() -> bool:
    """Return whether a missing Node is a failure."""
    return bool(os.environ.get("CI") or os.environ.get("NETZWART_REQUIRE_NODE"))


def install() -> None:
    """Make `node_modules` out of the lock, unless it is there. One of several workers does it, the others wait."""
    with LOCK.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if MARKER.exists() and MARKER.stat().st_mtime >= LOCK.stat().st_mtime:
            return
        npm = shutil.which("npm")
        assert npm is not None
        done = subprocess.run([npm, *INSTALL], cwd=FOLDER, capture_output=True, text=True, check=False)  # noqa: S603  (found on PATH)
        if done.returncode != 0:
            pytest.fail(f"npm {' '.join(INSTALL)} in {FOLDER.name}:\n{done.stdout}{done.stderr}", pytrace=False)
        MARKER.touch()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every proof that was left out, in red: a green line above it does not speak for them."""
    left_out = [report.nodeid for report in terminalreporter.stats.get("skipped", []) if f"{LEFT_OUT} " in str(report.longrepr)]
    if not left_out:
        return
    terminalreporter.section("NOT PROVED: nothing was asked of a foreign client", sep="!", red=True, bold=True)
    for nodeid in left_out:
        terminalreporter.line(f"  {nodeid}", red=True)
    terminalreporter.line(f"This machine lacks {missing()}. With it, `make test` proves these, too.", red=True, bold=True)
