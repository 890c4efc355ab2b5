"""`quantd alerts test`."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.unit.cli.conftest import Run

CONFIG = """
feeds: {{synthetic: {{}}}}
sinks:
  log: {{}}
  book: {{use: file, path: alerts.ndjson}}
  hook: {{use: webhook, url: '{url}/T0K3N8', secret: '${{HOOK_SECRET}}', private: true}}
"""


class Hook(BaseHTTPRequestHandler):
    """Answers each request with `status`."""

    status: ClassVar[int] = 204
    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.status)
        self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A config with a webhook to a local server."""
    Hook.bodies.clear()
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        path = tmp_path / "quantd.yaml"
        path.write_text(CONFIG.format(url=f"http://127.0.0.1:{server.server_port}"))
        yield path
        server.shutdown()


def test_the_answer_is_shown(process: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hook, "status", 204)
    done = process("alerts", "test", "hook", HOOK_SECRET="hush-hush")
    assert done.returncode == 0, done.stderr
    assert "answered 204 No Content" in done.stdout
    assert "hook has taken the sample in " in done.stdout
    (body,) = Hook.bodies
    assert json.loads(body)["labels"] == {"test": "true"}
    assert "no rule has fired" in json.loads(body)["text"]


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (404, 69, "hook has not taken it: 127.0.0.1:{port} answered 404 Not Found"),
        (500, 69, "hook has not taken it: 127.0.0.1:{port} answered 500 Internal Server Error"),
        (429, 75, "hook asks for another attempt in 7 s: 127.0.0.1:{port} answered 429 Too Many Requests"),
    ],
)
def test_a_failure_is_told_with_an_exit_code(
    status: int, code: int, told: str, process: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hook, "status", status)
    done = process("alerts", "test", "hook", HOOK_SECRET="hush-hush")
    port = config.read_text().partition("127.0.0.1:")[2].partition("/")[0]
    assert (done.returncode, done.stderr) == (code, f"quantd: {told.format(port=port)}\n")
    assert not any(secret in done.stdout + done.stderr for secret in ("T0K3N8", "hush-hush"))


def test_other_sinks(process: Run, config: Path, tmp_path: Path) -> None:
    for sink in ("log", "book"):
        assert process("alerts", "test", sink, "--severity", "page", HOOK_SECRET="x").returncode == 0
    assert json.loads((tmp_path / "alerts.ndjson").read_text())["severity"] == "page"


def test_a_sink_that_is_not_there(quantd: Run, config: Path) -> None:
    done = quantd("alerts", "test", "hok", HOOK_SECRET="x")
    assert (done.returncode, done.stderr) == (2, "quantd: no sink is named 'hok'; there is log, book, hook (did you mean 'hook'?)\n")
