"""`quantd token` as its user meets it, and what `run` and `demo` refuse without one."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from quantd.api.access.listening import served
from quantd.config.access import AuthSettings, JwtSettings
from quantd.config.model import ApiSettings
from quantd.errors import QuantdError
from quantd.tokens import TokenFile
from tests.unit.cli.conftest import Run


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Path:
    settings = {"pairs": ["BTCUSDT-ETHUSDT"], "feeds": {"binance-futures": {}}, "sinks": {"log": {}}, "state": {"dir": str(tmp_path / "s")}}
    for name in ("quantd.yaml", "other.yaml"):
        (tmp_path / name).write_text(json.dumps(settings))
    return tmp_path


@pytest.fixture
def file(home: Path) -> TokenFile:
    return TokenFile(home / "s")


def test_create_prints_the_token_alone(quantd: Run, file: TokenFile) -> None:
    done = quantd("token", "create", "grafana", "--scope", "write", "--expires", "90d")
    assert done.returncode == 0
    assert re.fullmatch(r"quantd_[0-9a-f]{12}_[\w-]{43}\n", done.stdout)
    assert re.fullmatch(r"quantd: grafana may write, until 20\d\d-\S+Z; the token is not shown again\n", done.stderr)
    (token,) = file.read()
    assert (token.name, token.scope, token.expires - token.created) == ("grafana", "write", 90 * 86_400_000)
    done = quantd("token", "create", "more", "-c", "other.yaml")
    assert done.stderr == "quantd: more may read, without end; the token is not shown again\n"


def test_list_shows_no_secret(quantd: Run, file: TokenFile) -> None:
    assert quantd("token", "list").stderr == "quantd: there are no tokens\n"
    texts = [quantd("token", "create", name).stdout.strip() for name in ("a", "b")]
    assert quantd("token", "revoke", "b").stderr == "quantd: b is revoked\n"
    done = quantd("token", "list")
    assert [line.split()[:3] for line in done.stdout.splitlines()] == [
        ["name", "scope", "state"],
        ["a", "read", "valid"],
        ["b", "read", "revoked"],
    ]
    assert not any(part in done.stdout for text in texts for part in text.split("_", 2)[1:])
    assert not any(token.digest in done.stdout for token in file.read())


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["create", "a b"], "'a b' is not a name"),
        (["create", "a", "--scope", "raed"], "--scope: 'raed' is none of read, write, admin (did you mean 'read'?)"),
        (["create", "a", "--expires", "soon"], "--expires: 'soon' is not a duration"),
        (["create", "a", "--expires", "0s"], "--expires: '0s' is not between"),
        (["create", "ops"], "a token 'ops' exists"),
        (["revoke", "opps"], "no token is named 'opps'; `quantd token list` shows those that are there (did you mean 'ops'?)"),
    ],
)
def test_what_is_wrong_is_told(quantd: Run, args: list[str], text: str) -> None:
    quantd("token", "create", "ops")
    done = quantd("token", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr


@pytest.mark.parametrize("listen", ["0.0.0.0:8214", "[::]:8214", "192.0.2.1:8214", "quantd.example:8214"])
def test_no_demo_is_served_to_others(quantd: Run, listen: str) -> None:
    done = quantd("demo", "--listen", listen)
    assert (done.returncode, f"other hosts can reach {listen}" in done.stderr) == (2, True)
    assert all(way in done.stderr for way in ("--listen 127.0.0.1", "--auth none", "quantd run"))


def test_no_daemon_serves_to_others_without_a_token(process: Run, home: Path) -> None:
    done = process("run", "--listen", "0.0.0.0:8214")
    assert (done.returncode, "other hosts can reach 0.0.0.0:8214" in done.stderr) == (2, True)
    assert all(way in done.stderr for way in ("--listen 127.0.0.1", "--auth none", "quantd token create"))
    assert not (home / "s").exists()


@pytest.mark.parametrize(("args", "text"), [(["--auth", "nobody"], "'nobody' is none of"), (["--listen", "8000"], "'8000' is not")])
def test_the_options_are_checked(quantd: Run, process: Run, args: list[str], text: str) -> None:
    for done in (quantd("demo", *args), process("run", *args)):
        assert (done.returncode, text in done.stderr) == (2, True)


OTHERS = ApiSettings(listen="0.0.0.0:8000")
ISSUER = AuthSettings(jwt=JwtSettings(issuer="https://id.example", secret="s" * 32))


@pytest.mark.parametrize(
    ("settings", "listen", "auth", "tokens"),
    [
        (OTHERS, "127.0.0.1:8000", None, False),
        (OTHERS, "localhost:8000", None, False),
        (OTHERS, None, "none", False),
        (OTHERS, None, None, True),
        (msgspec.structs.replace(OTHERS, auth=ISSUER), None, None, False),
        (msgspec.structs.replace(OTHERS, auth=AuthSettings(mode="none")), None, None, False),
    ],
)
def test_who_says_so_is_served(settings: ApiSettings, listen: str | None, auth: str | None, tokens: bool) -> None:
    found = served(settings, listen, auth, tokens=tokens)
    assert (found.listen, found.auth.mode) == (listen or settings.listen, auth or settings.auth.mode)


def test_others_are_not(file: TokenFile) -> None:
    with pytest.raises(QuantdError, match="other hosts can reach"):
        served(OTHERS, None, "tokens", tokens=file.is_there())
    with pytest.raises(QuantdError, match="other hosts can reach"):
        served(msgspec.structs.replace(OTHERS, auth=AuthSettings(loopback="open")), None, None, tokens=False)
