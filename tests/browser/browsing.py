"""A page as a browser shows it after some seconds, without a hand on it."""

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_S

from .chromium import CHROMIUM, FLAGS

VIRTUAL_MS = 8000


class Visit(NamedTuple):
    """What the browser made of the page, said on its console, and asked for on the page's behalf."""

    origin: str
    dom: str
    console: list[str]
    requested: set[str]

    def table(self, name: str) -> dict[str, list[str]]:
        """The cells of a table's rows by their keys."""
        (body,) = re.findall(rf'<tbody id="{name}">(.*?)</tbody>', self.dom, re.DOTALL)
        rows = re.findall(r'<tr data-key="([^"]+)">(.*?)</tr>', body, re.DOTALL)
        return {key: re.findall(r"<td[^>]*>(.*?)</td>", cells) for key, cells in rows}


def visited(url: str, profile: Path) -> Visit:
    """The page of an address, seen with a new profile in this folder."""
    origin = f"http://{urlsplit(url).netloc}"
    net_log = profile / "net.json"
    options = {
        "user-data-dir": profile,
        "host-resolver-rules": "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "virtual-time-budget": VIRTUAL_MS,
        "log-net-log": net_log,
        "enable-logging": "stderr",
    }
    flags = [f"--{flag}" for flag in FLAGS.split()] + [f"--{name}={value}" for name, value in options.items()]
    command = [str(CHROMIUM), *flags, "--v=0", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return Visit(origin, done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line], requests_of(origin, net_log))


def requests_of(origin: str, net_log: Path) -> set[str]:
    """The addresses that pages of this origin asked for."""
    params = [event.get("params", {}) for event in json.loads(net_log.read_text())["events"]]
    return {given["url"] for given in params if given.get("initiator") == origin and "url" in given}
