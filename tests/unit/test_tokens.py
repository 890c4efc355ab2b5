"""Tokens at rest: what the file keeps, who may be admitted by it, and that whoever breaks it opens nothing."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from quantd.clock import EventClock
from quantd.errors import QuantdError, StateUnusable
from quantd.supervision.troubles import Troubles
from quantd.tokens import TokenFile, Tokens, parts

NOW = 1_800_000_000_000
CREATE = """
import sys; from pathlib import Path; from quantd.tokens import TokenFile
for number in range(10): TokenFile(Path(sys.argv[1])).create(f"{sys.argv[2]}{number}", "read", 0, None)
"""


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "a" / "state")


def seen(file: TokenFile, troubles: Troubles | None = None) -> Tokens:
    return Tokens(file.path.parent, troubles)


def test_a_token_has_32_random_bytes_of_which_only_a_digest_is_kept(file: TokenFile) -> None:
    text = file.create("grafana", "read", NOW, NOW + 1)
    assert re.fullmatch(r"quantd_[0-9a-f]{12}_[\w-]{43}", text)
    number, secret = parts(text)
    for path in file.path.parent.iterdir():
        assert secret not in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    (kept,) = file.read()
    assert (kept.id, kept.name, kept.scope, kept.created, kept.expires, kept.revoked) == (number, "grafana", "read", NOW, NOW + 1, None)
    assert len({file.create(f"t{count}", "read", NOW, None) for count in range(50)}) == 50


def test_a_text_is_a_token_only_as_a_whole(file: TokenFile) -> None:
    text, other = file.create("a", "read", NOW, None), file.create("b", "admin", NOW, None)
    tokens = seen(file)
    assert tokens.of(text) == (file.read()[0], True)
    forged = text.rpartition("_")[0] + other[len(text.rpartition("_")[0]) :]
    assert tokens.of(forged)[1] is False
    for wrong in ("", "quantd_", text[:-1], text + "A", text.upper(), f" {text}", file.read()[0].digest, text.replace("quantd", "quanta")):
        assert tokens.of(wrong)[1] is False


def test_a_name_is_of_one_valid_token(file: TokenFile) -> None:
    file.create("a", "read", NOW, NOW + 10)
    with pytest.raises(QuantdError, match="revoke it first"):
        file.create("a", "read", NOW + 9, None)
    file.create("a", "write", NOW + 10, None)
    file.revoke("a", NOW + 20)
    assert [token.ended(NOW + 20) for token in file.read()] == ["expired", "revoked"]
    with pytest.raises(QuantdError, match="is revoked since"):
        file.revoke("a", NOW + 30)
    with pytest.raises(QuantdError, match="no token is named 'b'") as caught:
        file.revoke("b", NOW)
    assert caught.value.exit_code == 2
    file.create("a", "read", NOW + 40, None)


@pytest.mark.parametrize("name", ["", "a b", "-a", "a:b", "é", "a" * 65, "a\n"])
def test_a_name_is_one_for_the_log(file: TokenFile, name: str) -> None:
    with pytest.raises(QuantdError, match="is not a name"):
        file.create(name, "read", NOW, None)
    assert not file.is_there()


def test_a_daemon_sees_what_the_command_line_does(file: TokenFile) -> None:
    tokens = seen(file)
    assert not tokens.exist
    before = tokens.version
    text = file.create("a", "read", NOW, None)
    tokens.look()
    assert tokens.exist
    assert tokens.of(text)[1]
    assert tokens.version > before
    before = tokens.version
    tokens.look()
    assert tokens.version == before
    file.revoke("a", NOW)
    tokens.look()
    assert tokens.of(text)[0].ended(NOW) == "revoked"
    assert tokens.exist, "a revoked token is one, so the daemon stays closed"


def broken(path: Path, how: str) -> None:
    match how:
        case "empty":
            path.write_text("")
        case "cut":
            path.write_bytes(path.read_bytes()[:-20])
        case "other":
            path.write_text('{"version":2,"tokens":[]}')
        case "binary":
            path.write_bytes(b"\xff\xfe\x00")
        case "folder":
            path.unlink()
            path.mkdir()
        case "gone":
            path.unlink()
        case "loop":
            path.unlink()
            path.symlink_to(path)


@pytest.mark.parametrize("how", ["empty", "cut", "other", "binary", "folder", "gone", "loop"])
def test_a_broken_file_opens_nothing_and_is_told(file: TokenFile, how: str, caplog: pytest.LogCaptureFixture) -> None:
    text = file.create("a", "admin", NOW, None)
    good = file.path.read_bytes()
    troubles = Troubles(EventClock())
    tokens = seen(file, troubles)
    broken(file.path, how)
    for _ in range(2):
        tokens.look()
        assert (tokens.exist, tokens.of(text)[1]) == (True, False)
    (trouble,) = troubles.present()
    assert (trouble.what, trouble.name, trouble.text.startswith("no token is valid: ")) == ("access", "tokens.json", True)
    assert caplog.text.count("no token is valid") == 1
    if how != "gone":
        assert (seen(file).exist, seen(file).of(text)[1]) == (True, False), "also after a restart"
    if how == "folder":
        file.path.rmdir()
    else:
        file.path.unlink(missing_ok=True)
    file.path.write_bytes(good)
    tokens.look()
    assert tokens.of(text)[1]
    assert troubles.present() == []


@pytest.mark.parametrize("how", ["empty", "cut", "other", "binary", "folder", "loop"])
def test_the_command_line_does_not_write_over_a_broken_file(file: TokenFile, how: str) -> None:
    file.create("a", "admin", NOW, None)
    broken(file.path, how)
    with pytest.raises(StateUnusable, match=r"tokens\.json"):
        file.create("b", "read", NOW, None)


def test_a_file_that_may_not_be_read_is_a_broken_one(file: TokenFile) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    text = file.create("a", "admin", NOW, None)
    tokens = seen(file)
    file.path.chmod(0)
    tokens.look()
    assert (tokens.exist, tokens.of(text)[1]) == (True, False)
    file.path.chmod(0o600)
    tokens.look()
    assert tokens.of(text)[1]


def test_many_command_lines_lose_nothing(file: TokenFile) -> None:
    command = [sys.executable, "-c", CREATE, str(file.path.parent)]
    running = [subprocess.Popen([*command, letter]) for letter in "abcd"]
    assert [each.wait() for each in running] == [0] * 4
    assert sorted(token.name for token in file.read()) == sorted(f"{letter}{number}" for letter in "abcd" for number in range(10))
