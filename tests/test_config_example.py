"""The example configuration: it works as it stands, says everything, and what it says about defaults is true."""

import os
import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import cast

import pytest
from pydantic import BaseModel

from bot.config import Config, load_config

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"
SECRETS = {"password", "access_token", "identity_key"}
ONLY_EXAMPLES = {"access_token_file", "device_id", "identity_file", "identity_key_file", "research_room", "public_url"}
"""Settings without a default: what stands behind the # is an example."""


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example as an administrator starts with it: copied, with a password file beside it."""
    for name in [name for name in os.environ if name.upper().startswith("NETZWART_")]:
        monkeypatch.delenv(name)
    (tmp_path / "password").write_text("geheim\n", "utf-8")
    file = tmp_path / "config.toml"
    file.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    return file


def _settings() -> list[tuple[str, str]]:
    """Every setting with its section."""
    sections = {name: cast("type[BaseModel]", field.annotation) for name, field in Config.model_fields.items()}
    return [(section, key) for section, model in sections.items() for key in model.model_fields]


def _example(*, without: Collection[str] = ()) -> str:
    """The example with every `# key = value` made active, except those `without`."""

    def active(line: re.Match[str]) -> str:
        return line[0] if line[2] in without else line[1]

    return re.sub(r"(?m)^# ((\w+) = \S.*)$", active, EXAMPLE.read_text("utf-8"))


def test_it_works_as_it_stands(config_file: Path, tmp_path: Path) -> None:
    config = load_config(config_file)
    assert config.matrix.password_file == tmp_path / "password"
    assert config.database.url == f"sqlite+aiosqlite:///{tmp_path / 'netzwart.sqlite'}"


@pytest.mark.parametrize(("section", "key"), _settings())
def test_it_names_every_setting(section: str, key: str) -> None:
    """In the section that it belongs to, with a comment above."""
    (part,) = re.findall(rf"(?ms)^\[{section}\]\n(.*?)(?=^\[\w+\]$|\Z)", EXAMPLE.read_text("utf-8"))
    assert re.search(rf"(?m)^# .*\n(?:# )?{key} =|^# .*\n\[{section}\.{key}\]$", part)


def test_it_names_nothing_else() -> None:
    named = {(section, key) for section, keys in tomllib.loads(_example()).items() for key in keys}
    assert named == {(section, key) for section, key in _settings() if key not in SECRETS}


def test_what_is_commented_out_is_the_default(config_file: Path) -> None:
    as_it_stands = load_config(config_file)
    config_file.write_text(_example(without={*ONLY_EXAMPLES, "bremen", "wuerzburg", "forschung"}), "utf-8")
    assert load_config(config_file) == as_it_stands


def test_the_examples_for_the_rest_are_good_ones(config_file: Path) -> None:
    config_file.write_text(_example(without={"access_token_file"}), "utf-8")
    config = load_config(config_file)
    assert config.network.rooms() == {
        "coordination": "#koordination:example.org",
        "network": "#netzwerk:example.org",
        "research": "#forschung:example.org",
        "lab:bremen": "#labor-bremen:example.org",
        "lab:wuerzburg": "!abc:example.org",
    }
