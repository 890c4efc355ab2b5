"""Every setting is shown with its origin, and no secret is."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

CONFIG = """\
pairs:
  - A-B
  - C-D: mine
symbols: [E, "${F}"]
feeds: {synthetic: {seed: 5}}
sinks:
  log: {}
  hook:
    use: post
    url: https://me:s3cret@hook.example/x?token=s3cret&a=1
    secret: s3cret
    headers: {Authorization: s3cret, Accept: text, Token: "${TOKEN:-s3cret}", Key: "${KEY}s3cret", Auth: "${KEY}${NOTE}"}
    note: ${NOTE}-${MORE:-more}
    urls: ["https://hooks.example/T0/s3cret", "tgram://s3cret/chat", "https://plain.example"]
state: {dir: there}
api: {auth: {jwt: {issuer: https://id.example, secret: s3cret-s3cret-s3cret-s3cret-s3cret}}}
"""
POST = """
import quantd

class Post(quantd.AlertSink):
    "Posts."
    url: str
    secret: str = ""
    api_key: str = "built-in"
    headers: dict[str, str] = {}
    note: str = ""
    urls: tuple[str, ...] = ()
    async def send(self, alert): ...

@quantd.hookimpl
def register_sinks(register):
    register("post", Post)
"""
MINE = "extends: default\nfeed: synthetic\nregression: ${METHOD}\njobs: [adf]\nalerts: [{name: a, when: beta > 1}]\n"


@pytest.fixture
def shown(quantd: Run, tmp_path: Path) -> dict[str, tuple[str, str]]:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "post.py").write_text(POST)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "default.yaml").write_text("feed: synthetic\nbars: {use: time, every: [1m]}\nregression: ols\n")
    (tmp_path / "pipelines" / "mine.yaml").write_text(MINE)
    (tmp_path / "quantd.yaml").write_text(CONFIG)
    environ = {"F": "s3cret", "KEY": "s3cret", "NOTE": "s3cret", "METHOD": "huber", "QUANTD__API__LISTEN": "127.0.0.1:9123"}
    done = quantd("config", "show", "--json", **environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "s3cret" not in done.stdout
    table = quantd("config", "show", **environ).stdout
    settings = json.loads(done.stdout)
    lines = [line.split() for line in table.splitlines()]
    assert [line[0] for line in lines] == [each["key"] for each in settings]
    return {each["key"]: (each["value"], each["origin"]) for each in settings}


@pytest.mark.parametrize(
    ("key", "value", "origin"),
    [
        ("pairs[0]", "A-B", "quantd.yaml:2"),
        ("pairs[1].C-D", "mine", "quantd.yaml:3"),
        ("symbols", "[E, ${F}]", "quantd.yaml:4, environment variable F"),
        ("feeds.synthetic.use", "synthetic", "quantd.yaml:5"),
        ("feeds.synthetic.seed", "5", "quantd.yaml:5"),
        ("feeds.synthetic.lateness", "500ms", "default"),
        ("sinks.hook.url", "https://***@hook.example/***?token=***&a=1", "quantd.yaml:10"),
        ("sinks.hook.secret", "***", "quantd.yaml:11"),
        ("sinks.hook.api_key", "***", "default"),
        ("sinks.hook.headers.Authorization", "***", "quantd.yaml:12"),
        ("sinks.hook.headers.Token", "***", "quantd.yaml:12"),
        ("sinks.hook.headers.Key", "***", "quantd.yaml:12, environment variable KEY"),
        ("sinks.hook.headers.Auth", "${KEY}${NOTE}", "quantd.yaml:12, environment variable KEY, NOTE"),
        ("sinks.hook.headers.Accept", "text", "quantd.yaml:12"),
        ("sinks.hook.note", "${NOTE}-${MORE:-more}", "quantd.yaml:13, environment variable NOTE"),
        ("sinks.hook.urls", "[https://hooks.example/***, tgram://***, https://plain.example]", "quantd.yaml:14"),
        ("api.listen", "${QUANTD__API__LISTEN}", "environment variable QUANTD__API__LISTEN"),
        ("api.max_symbols", "10", "default"),
        ("api.auth.mode", "tokens", "default"),
        ("api.auth.jwt.issuer", "https://id.example", "quantd.yaml:16"),
        ("api.auth.jwt.secret", "***", "quantd.yaml:16"),
        ("api.auth.jwt.leeway", "30000", "default"),
        ("state.dir", "there", "quantd.yaml:15"),
        ("log", "info", "default"),
        ("pipelines.default.regression.use", "ols", "pipelines/default.yaml:3"),
        ("pipelines.mine.bars.every", "[1m]", "pipelines/default.yaml:2"),
        ("pipelines.mine.regression.use", "${METHOD}", "pipelines/mine.yaml:3, environment variable METHOD"),
        ("pipelines.mine.regression.window", "60", "default"),
        ("pipelines.mine.zscore.method", "window", "default"),
        ("pipelines.mine.jobs[0].use", "adf", "pipelines/mine.yaml:4"),
        ("pipelines.mine.jobs[0].every", "1m", "default"),
        ("pipelines.mine.alerts[0].when", "beta > 1", "pipelines/mine.yaml:5"),
        ("pipelines.mine.alerts[0].coverage", "0.9", "default"),
    ],
)
def test_a_setting_has_its_origin(shown: dict[str, tuple[str, str]], key: str, value: str, origin: str) -> None:
    assert shown[key] == (value, origin)


def test_the_shipped_config_is_shown_whole(quantd: Run) -> None:
    quantd("init")
    keys = [each["key"] for each in json.loads(quantd("config", "show", "--json").stdout)]
    for key in ("feeds.binance-futures.routes.market", "store.keep.ticks", "jobs[0].every", "pipelines.default.exports[0].dir"):
        assert key in keys


def test_mistakes_are_told_instead(quantd: Run, tmp_path: Path) -> None:
    (tmp_path / "quantd.yaml").write_text("log: loud\n")
    done = quantd("config", "show")
    assert (done.returncode, done.stdout) == (2, "")
    assert "quantd.yaml:1:6: log: expected debug" in done.stderr


def test_what_is_no_secret_is_shown_under_the_name_of_one(quantd: Run, tmp_path: Path) -> None:
    hook = "{use: webhook, url: {file: /run/url}, secret: {file: /run/secret}, headers: {Authorization: {file: /run/auth}}, private: true}"
    (tmp_path / "quantd.yaml").write_text(f"feeds: {{synthetic: {{}}}}\nsinks:\n  hook: {hook}\n")
    shown = {each["key"]: each["value"] for each in json.loads(quantd("config", "show", "--json").stdout)}
    assert shown["sinks.hook.private"] == "true"
    assert shown["sinks.hook.secret.file"] == "/run/secret"
    assert shown["sinks.hook.headers.Authorization.file"] == "/run/auth"
