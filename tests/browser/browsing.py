"""A page as a browser shows it."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from tests.waiting import PATIENCE_S, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = "headless no-sandbox disable-gpu disable-quic no-first-run disable-sync disable-background-networking disable-component-update"
"""The page is our own, hence no sandbox; the rest keeps the browser from talking of its own accord."""
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


class Page:
    """A tab of the browser, over its protocol for developers."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._asked = 0

    async def ask(self, method: str, **params: Any) -> Any:
        self._asked += 1
        await self._socket.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            answer = json.loads(await self._socket.recv())
            if answer.get("id") == self._asked:
                return answer["result"]

    async def run(self, script: str) -> Any:
        return (await self.ask("Runtime.evaluate", expression=script))["result"].get("value")

    async def shows(self, script: str, value: object) -> None:
        """Return once the script gives this value."""
        async with asyncio.timeout(PATIENCE_S / 4):
            while await self.run(script) != value:  # noqa: ASYNC110 -- the page tells nobody
                await asyncio.sleep(0.05)


@asynccontextmanager
async def tab(url: str, profile: Path) -> AsyncIterator[Page]:
    """A tab of a browser that shows this address, for the length of the block."""
    flags = [f"--{flag}" for flag in FLAGS.split()]
    port_file = profile / "DevToolsActivePort"
    browser = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        *flags,
        f"--user-data-dir={profile}",
        "--remote-debugging-port=0",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: port_file.exists() and "\n" in port_file.read_text())
        port, path = port_file.read_text().split()
        async with connect(f"ws://127.0.0.1:{port}{path}") as whole:
            target = (await Page(whole).ask("Target.createTarget", url=url))["targetId"]
            async with connect(f"ws://127.0.0.1:{port}/devtools/page/{target}", max_size=None) as socket:
                yield Page(socket)
    finally:
        browser.terminate()
        await browser.wait()
        shutil.rmtree(profile, ignore_errors=True)
