import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.conftest import ROOT
from tests.unit.cli.conftest import Run


def test_a_right_config_is_summed_up(quantd: Run, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "broken.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "quantd.yaml").write_text(
        "pairs: [A-B, C-D: replay]\nsymbols: [E]\nfeeds: {binance-futures: {}, replay: {files: [x]}}\nsinks: {log: {}}\nstore: local\n"
    )
    done = quantd("check")
    assert done.returncode == 0
    assert [line.split(maxsplit=1) for line in done.stdout.splitlines()][:6] == [
        ["config", "quantd.yaml"],
        ["pairs", "A-B (default), C-D (replay)"],
        ["symbols", "E"],
        ["feeds", "binance-futures, replay"],
        ["sinks", "log"],
        ["store", "local"],
    ]
    assert done.stderr.startswith("warning: plugins/broken.py: ModuleNotFoundError")


def test_every_mistake_is_a_line(quantd: Run, tmp_path: Path) -> None:
    (tmp_path / "quantd.yaml").write_text("log: loud\nstore: locall\n")
    done = quantd("check")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "quantd.yaml:1:6: log: expected debug, info, warning or error, found 'loud'\n"
        "quantd.yaml:2:8: store: no store 'locall'; there is local (did you mean 'local'?)\n"
        "2 mistakes\n"
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot be read: No such file or directory"),
        ("root:x:0:0:root:/root:/bin/bash", "is no JWKS file: it has no list `keys`"),
        ('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "is no JWKS file: none of its keys is for RS256 or ES256"),
    ],
)
def test_a_file_without_keys_is_a_mistake(quantd: Run, tmp_path: Path, content: str | None, fault: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/quantd.yaml").write_text("api:\n  auth: {jwt: {issuer: me, jwks: keys.json}}\n")
    if content:
        (tmp_path / "etc/keys.json").write_text(content)
    done = quantd("check", "-c", "etc/quantd.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"etc/quantd.yaml:2:34: api.auth.jwt.jwks: etc/keys.json {fault}\n1 mistake\n"
    variable = "QUANTD__API__AUTH__JWT__JWKS"
    assert f"environment variable {variable}" in quantd("check", "-c", "etc/quantd.yaml", **{variable: "none.json"}).stderr


def test_a_file_with_keys_is_found_beside_the_config(quantd: Run, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/quantd.yaml").write_text("api:\n  auth: {jwt: {issuer: me, jwks: keys.json}}\n")
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    (tmp_path / "etc/keys.json").write_text(json.dumps({"keys": [ECAlgorithm.to_jwk(public, as_dict=True)]}))
    assert quantd("check", "-c", "etc/quantd.yaml").returncode == 0


def test_one_mistake_is_one(quantd: Run, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("log: loud\n")
    assert quantd("check", "--config", "other.yaml").stderr.endswith("\n1 mistake\n")
    assert quantd("check", QUANTD_CONFIG="other.yaml").returncode == 2


def test_a_broken_pipeline_that_no_pair_uses_is_a_mistake(quantd: Run, tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "later.yaml").write_text("fed: x\n")
    (tmp_path / "quantd.yaml").write_text("")
    assert "pipelines/later.yaml:1:1: fed: unknown key" in quantd("check").stderr


@pytest.mark.parametrize("text", ["pairs: ['\\ud800']", 'pairs: ["\\ud800-B"]', "'\u202e': 1", '"\\x1b[31m": 1', "\u0085", "a: \ud7ff"])
def test_strange_characters_are_printed(process: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "quantd.yaml").write_text(text, "utf-8")
    done = process("check", PYTHONIOENCODING="ascii")
    assert done.returncode in (0, 2)
    assert "\x1b" not in done.stderr


def test_a_missing_config_is_told(quantd: Run) -> None:
    done = quantd("check", "--config", "gone.yaml")
    assert (done.returncode, done.stderr) == (2, "quantd: gone.yaml: no such file\n")


def test_the_shipped_config_is_right(quantd: Run) -> None:
    assert quantd("check", "--config", str(ROOT / "quantd.yaml")).returncode == 0
