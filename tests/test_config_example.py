"""The example configuration: it works as it stands, says everything, and what it says about defaults is true."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel, SecretStr

from bot.config import Config, load_config

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"
ONLY_EXAMPLES = {
    "matrix.access_token_file",
    "matrix.device_id",
    "matrix.identity_key_file",
    "network.research_room",
    "web.listen",
    "web.public_url",
}
"""Settings without a default: what stands behind the # is an example."""


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example as an administrator starts with it: copied, with a password file beside it."""
    for name in [name for name in os_environ() if name.upper().startswith("NETZWART_")]:
        monkeypatch.delenv(name)
    (tmp_path / "password").write_text("geheim\n", "utf-8")
    config = tmp_path / "config.toml"
    config.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    return config
