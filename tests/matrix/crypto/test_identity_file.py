"""The seeds at rest: whole or not at all, for whoever has the key and nobody else."""

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bot.matrix.crypto import identity_file
from bot.matrix.crypto.identity_file import IdentityFile, IdentityUnreadable, KeyMissing, Seeds, new_seeds
from bot.rendering import catalogue

USER = "@netzwart:netz.example"


class _Crash(BaseException):
    """A power cut."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def kept_in(folder: Path, *, user_id: str = USER, key: str | None = None) -> IdentityFile:
    """The file as a fresh process opens it."""
    return IdentityFile(folder / "identity.json", folder / "identity.key", user_id, key=key)


def trouble(work: Callable[[], object]) -> str:
    """What is said, in German, of what cannot be read."""
    with pytest.raises(IdentityUnreadable) as caught:
        work()
    return catalogue("de").say(caught.value.text)


def forged(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the file as somebody would who knows its form: with a checksum that fits."""
    path = folder / "identity.json"
    content = json.loads(path.read_bytes())
    del content["checksum"]
    change(content)
    path.write_text(json.dumps({**content, "checksum": identity_file._checksum(content)}))


def test_what_is_kept_is_read_again(folder: Path) -> None:
    """By another process, too; and only its owner reads either file."""
    seeds = kept_in(folder).create()
    assert kept_in(folder).load() == seeds
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "identity.json": 0o600,
        "identity.key": 0o600,
    }


def test_nothing_is_there_at_first(folder: Path) -> None:
    """Looking makes nothing: `check` looks."""
    assert kept_in(folder).load() is None
    assert list(folder.iterdir()) == []


def test_the_seeds_are_not_in_the_clear(folder: Path) -> None:
    """Neither in the file nor in what Python shows of them, which ends up in tracebacks."""
    seeds = kept_in(folder).create()
    raw = (folder / "identity.json").read_text()
    for seed in (seeds.master, seeds.self_signing, seeds.user_signing):
        assert identity_file.unpadded(seed) not in raw
        assert repr(seed) not in repr(seeds)


def test_two_writings_have_nothing_in_common(folder: Path) -> None:
    """Salt and nonce are fresh each time: the same key never encrypts twice."""
    file, seeds = kept_in(folder), new_seeds()
    found: list[tuple[str, str]] = []
    for _ in range(2):
        file.stage(seeds)
        file.promote()
        content = json.loads((folder / "identity.json").read_bytes())
        found.append((content["kdf"]["salt"], content["cipher"]["nonce"]))
    assert len({*found[0], *found[1]}) == 4


def test_any_damaged_byte_is_noticed(folder: Path) -> None:
    """At every position: either it is said, or it was white space and nothing is lost."""
    seeds, path = kept_in(folder).create(), folder / "identity.json"
    good = path.read_bytes()
    wrong_key = [position for position in range(len(good)) if _damaged(folder, good, position, seeds)]
    assert wrong_key == []


def _damaged(folder: Path, good: bytes, position: int, seeds: Seeds) -> bool:
    """Whether a flipped bit at a position is not called damage."""
    (folder / "identity.json").write_bytes(good[:position] + bytes((good[position] ^ 1,)) + good[position + 1 :])
    try:
        return kept_in(folder).load() != seeds
    except IdentityUnreadable as error:
        return "ist beschädigt" not in catalogue("de").say(error.text)


def test_any_shorter_file_is_noticed(folder: Path) -> None:
    """Also an empty one, which some file systems leave behind."""
    kept_in(folder).create()
    good = (folder / "identity.json").read_bytes().rstrip()
    for length in range(len(good)):
        (folder / "identity.json").write_bytes(good[:length])
        assert "ist beschädigt" in trouble(kept_in(folder).load)


@pytest.mark.parametrize(
    "raw",
    [b"\xff\xfe", b"null", b"[]", b"{}", b"[" * 50_000, b"{" * 100_000, b'{"checksum": 1, "kdf": [], "cipher": 3}', b"NaN"],
    ids=range(8),
)
def test_anything_may_be_in_the_file(folder: Path, raw: bytes) -> None:
    (folder / "identity.json").write_bytes(raw)
    (folder / "identity.key").write_text("key")
    assert "ist beschädigt" in trouble(kept_in(folder).load)


FORGERIES: list[Callable[[dict[str, Any]], object]] = [
    lambda c: c["kdf"].update(n=2**30),
    lambda c: c["kdf"].update(n=2**14),
    lambda c: c["kdf"].update(n=2**15 + 1),
    lambda c: c["kdf"].update(n=-1),
    lambda c: c["kdf"].update(n=32768.0),
    lambda c: c["kdf"].update(n="32768"),
    lambda c: c["kdf"].update(r=10**9),
    lambda c: c["kdf"].update(r=0),
    lambda c: c["kdf"].update(p=10**9),
    lambda c: c["kdf"].update(salt=""),
    lambda c: c["kdf"].update(salt=c["kdf"]["salt"] + "=="),
    lambda c: c["kdf"].update(name="none"),
    lambda c: c["cipher"].update(nonce="AA"),
    lambda c: c["cipher"].update(name="none"),
    lambda c: c["cipher"].update(more=1),
    lambda c: c.update(version=2),
    lambda c: c.update(version="1"),
    lambda c: c.pop("user_id"),
    lambda c: c.pop("kdf"),
]


@pytest.mark.parametrize("change", FORGERIES, ids=range(len(FORGERIES)))
def test_a_file_made_by_somebody_else(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Its checksum fits. It must neither take all memory nor be opened in a weaker way."""
    kept_in(folder).create()
    forged(folder, change)
    assert "ist beschädigt" in trouble(kept_in(folder).load)


def test_whose_it_is_cannot_be_changed(folder: Path) -> None:
    """The user's id is vouched for by the cipher: one bot's identity does not become another's."""
    kept_in(folder).create()
    forged(folder, lambda content: content.update(user_id="@other:netz.example"))
    assert "passt nicht" in trouble(kept_in(folder, user_id="@other:netz.example").load)


def test_another_users_file(folder: Path) -> None:
    """Two bots whose state folders are neighbours."""
    kept_in(folder).create()
    said = trouble(kept_in(folder, user_id="@other:netz.example").load)
    assert said == (
        f"Die Datei {folder / 'identity.json'} gehört zu {USER}, nicht zu @other:netz.example; gib jedem Konto mit"
        " matrix.identity_file eine eigene."
    )


def test_a_wrong_key(folder: Path) -> None:
    kept_in(folder).create()
    (folder / "identity.key").write_text("another\n")
    said = trouble(kept_in(folder).load)
    assert said == (
        f"Der Schlüssel in {folder / 'identity.key'} passt nicht zur Datei {folder / 'identity.json'}; nimm den, mit dem sie"
        " geschrieben wurde."
    )
    assert "NETZWART_MATRIX__IDENTITY_KEY" in trouble(kept_in(folder, key="a third").load)


def test_a_lost_key_is_not_replaced(folder: Path) -> None:
    """A new one would open nothing, and hide that the old one is gone."""
    kept_in(folder).create()
    (folder / "identity.key").unlink()
    with pytest.raises(KeyMissing):
        kept_in(folder).load()
    assert "fehlt der Schlüssel" in trouble(kept_in(folder).create)
    assert not (folder / "identity.key").exists()


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe\x00"])
def test_a_key_file_without_a_key(folder: Path, content: bytes) -> None:
    """Not taken for a key, and not written over."""
    (folder / "identity.key").write_bytes(content)
    assert "steht kein Schlüssel" in trouble(kept_in(folder).create)
    assert (folder / "identity.key").read_bytes() == content


def test_a_key_of_ones_own(folder: Path) -> None:
    """Any text, without the white space that editors leave; from the environment no key file is made."""
    (folder / "identity.key").write_text("\ufeff Correct horse ü \r\n", "utf-8")
    seeds = kept_in(folder).create()
    assert kept_in(folder, key="Correct horse ü").load() == seeds
    elsewhere = folder / "elsewhere"
    IdentityFile(elsewhere / "identity.json", elsewhere / "identity.key", USER, key="from outside").create()
    assert [path.name for path in elsewhere.iterdir()] == ["identity.json"]


def test_several_first_starts_at_once_make_one_identity(folder: Path) -> None:
    """Replicas that share the files: whoever comes second takes what is there."""
    with ThreadPoolExecutor(6) as threads:
        made = [each.result() for each in [threads.submit(kept_in(folder).create) for _ in range(6)]]
    assert {seeds.fingerprint for seeds in made} == {made[0].fingerprint}
    assert kept_in(folder).load() == made[0]


def test_where_nothing_can_be_written(folder: Path) -> None:
    (folder / "file").write_text("")
    file = IdentityFile(folder / "file" / "identity.json", folder / "file" / "identity.key", USER)
    assert "kann nicht geschrieben werden" in trouble(file.create) or "kann nicht gelesen werden" in trouble(file.create)


@pytest.mark.parametrize("step", range(1, 10))
def test_a_power_cut_while_an_identity_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Before any of the steps that touch the disk: the next start has one identity, and keeps it."""
    with monkeypatch.context() as patched:
        crash_at(patched, step)
        try:
            made = kept_in(folder).create()
        except _Crash:
            made = None
    second = kept_in(folder).load() or kept_in(folder).create()
    assert made in (None, second)
    assert kept_in(folder).load() == second


@pytest.mark.parametrize("step", range(1, 10))
def test_a_power_cut_while_an_identity_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The old one or the new one can be read at any time, and repeating it ends well."""
    old, new = kept_in(folder).create(), new_seeds()
    with monkeypatch.context() as patched:
        crash_at(patched, step)
        try:
            kept_in(folder).stage(new)
            kept_in(folder).promote()
        except _Crash:
            pass
    file = kept_in(folder)
    assert (file.load(), file.staged()) in [(old, None), (old, new), (None, new), (new, None)]
    if file.load() != new:
        file.stage(file.staged() or new)
        file.promote()
    assert (file.load(), file.staged()) == (new, None)
    assert len(list(folder.glob("identity.json.old-*"))) == 1


def test_what_is_written_is_on_the_disk_before_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a power cut leaves an empty file under the right name. Key first, then seeds."""
    calls: list[str] = []

    def noted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            return call(*args, **kwargs)

        return noting

    for name in ("fsync", "link", "replace"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    kept_in(folder).create()
    assert calls == ["fsync", "link", "fsync"] * 2


def crash_at(patched: pytest.MonkeyPatch, step: int) -> None:
    """Let the power fail before the given call to the system, counted from 1."""
    count = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                raise _Crash
            return call(*args, **kwargs)

        return counting

    for name in ("fsync", "link", "replace"):
        patched.setattr(os, name, counted(getattr(os, name)))


def test_what_is_replaced_is_kept(folder: Path) -> None:
    """Named after the day it was written; a second one of that day does not push it out."""
    file = kept_in(folder)
    first, second, third = file.create(), new_seeds(), new_seeds()
    for seeds in (second, third):
        os.utime(file.path, (0, 0))
        file.stage(seeds)
        file.promote()
    assert file.load() == third
    names = ["identity.json.old-1970-01-01", "identity.json.old-1970-01-01-2"]
    olds = [IdentityFile(folder / name, file.key_file, USER).load() for name in names]
    assert olds == [first, second]


def test_a_new_identity_after_the_key_was_lost(folder: Path) -> None:
    """Told to begin anew, it does: the file that nobody can read is set aside first."""
    file = kept_in(folder)
    file.create()
    file.key_file.unlink()
    seeds = new_seeds()
    file.stage(seeds)
    file.promote()
    assert kept_in(folder).load() == seeds
    assert len(list(folder.glob("identity.json.old-*"))) == 1


def test_whether_the_key_lies_beside(folder: Path) -> None:
    """Also if one of the two paths goes a long way round."""
    assert kept_in(folder).key_is_beside
    assert IdentityFile(folder / "x" / ".." / "identity.json", folder / "identity.key", USER).key_is_beside
    assert not kept_in(folder, key="from the environment").key_is_beside
    assert not IdentityFile(folder / "identity.json", folder / "keys" / "identity.key", USER).key_is_beside
