from pathlib import Path

import pytest

from bot.demo.errors import ForeignFolder
from bot.demo.folder import MARKER, own_folder


def test_a_new_folder_is_made_and_marked(tmp_path: Path) -> None:
    with own_folder(tmp_path / "neu" / ".demo") as folder:
        assert [entry.name for entry in folder.iterdir()] == [MARKER]
        assert folder.stat().st_mode & 0o077 == 0  # passwords lie in it


def test_what_the_last_one_left_is_removed(tmp_path: Path) -> None:
    with own_folder(tmp_path / ".demo") as folder:
        (folder / "config.toml").touch()
        (folder / "synapse").mkdir()
        (folder / "synapse" / "homeserver.db").touch()

    assert (folder / "config.toml").exists()
    with own_folder(tmp_path / ".demo"):
        assert [entry.name for entry in folder.iterdir()] == [MARKER]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "Doktorarbeit.odt").touch()

    with pytest.raises(ForeignFolder, match="nicht leer und nicht von einer Vorführung"), own_folder(tmp_path):
        pass

    assert [entry.name for entry in tmp_path.iterdir()] == ["Doktorarbeit.odt"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Neither out of the folder when it is emptied, nor to a folder elsewhere."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "letter").touch()
    with own_folder(tmp_path / ".demo") as folder:
        (folder / "link").symlink_to(precious)
    with own_folder(tmp_path / ".demo"):
        assert not (folder / "link").is_symlink()
    (tmp_path / "elsewhere").symlink_to(folder)

    assert (precious / "letter").exists()
    with pytest.raises(ForeignFolder, match="ist kein Ordner"), own_folder(tmp_path / "elsewhere"):
        pass


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / ".demo").write_text("mine")

    with pytest.raises(ForeignFolder, match="ist kein Ordner"), own_folder(tmp_path / ".demo"):
        pass

    assert (tmp_path / ".demo").read_text() == "mine"


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ForeignFolder, match="lässt sich nicht benutzen"), own_folder(tmp_path / "file" / ".demo"):
        pass


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with own_folder(tmp_path / ".demo") as folder:
        (folder / "config.toml").touch()

        with pytest.raises(ForeignFolder, match="läuft schon eine Vorführung"), own_folder(tmp_path / ".demo"):
            pass

        assert (folder / "config.toml").exists()
