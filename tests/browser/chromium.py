"""A headless Chromium that a test drives by its DevTools protocol."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from websockets.asyncio.client import ClientConnection, connect

from tests.waiting import PATIENCE_S, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "headless no-sandbox disable-gpu disable-quic no-first-run disable-sync disable-background-networking disable-component-update "
    "disable-background-timer-throttling"
)
"""The page is our own, hence no sandbox; the rest keeps the browser from talking of its own accord."""
WATCHED = ("Runtime.enable", "Log.enable", "Network.enable", "Page.enable")
WRONG = {"Runtime.exceptionThrown", "Network.loadingFailed"}


class Tab:
    """One page. `wrong` lists the errors on its console, its uncaught exceptions and its failed requests."""

    def __init__(self, socket: ClientConnection) -> None:
        self.wrong: list[str] = []
        self._socket = socket
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def read(self) -> None:
        """Take what the browser says, to its end."""
        async for text in self._socket:
            said = json.loads(text)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said.get("result"))
            elif said["method"] in WRONG or _is_error(said):
                self.wrong.append(json.dumps(said["params"]))

    async def do(self, method: str, **given: Any) -> Any:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": given}))
        return await asyncio.wait_for(answer, PATIENCE_S)

    async def run(self, script: str) -> Any:
        """What a script gives."""
        return (await self.do("Runtime.evaluate", expression=script))["result"].get("value")

    async def shows(self, script: str, value: object) -> None:
        """Return once the script gives this value."""
        async with asyncio.timeout(PATIENCE_S / 2):
            while await self.run(script) != value:  # noqa: ASYNC110 -- the page tells nobody
                await asyncio.sleep(0.05)

    async def text_of(self, element: str) -> str:
        """The text of an element, once it has one, or the page has gone wrong."""
        code, text = f"document.getElementById({element!r})?.textContent ?? ''", ""
        async with asyncio.timeout(PATIENCE_S):
            while not text and not self.wrong:
                text = await self.run(code) or ""
                await asyncio.sleep(0.1)
        return text


def _is_error(said: dict[str, Any]) -> bool:
    match said["method"], said["params"]:
        case "Runtime.consoleAPICalled", {"type": "error" | "warning" | "assert"}:
            return True
        case "Log.entryAdded", {"entry": {"level": "error" | "warning"}}:
            return True
    return False


@asynccontextmanager
async def visiting(url: str, profile: Path) -> AsyncIterator[Tab]:
    """A browser that has opened this address, and can reach this host alone."""
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
    flags = [f"--{flag}" for flag in FLAGS.split()]
    command = [str(CHROMIUM), *flags, "--remote-debugging-port=0", rules, f"--user-data-dir={profile}", "about:blank"]
    browser = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    try:
        told = profile / "DevToolsActivePort"
        await until(lambda: told.is_file() and "\n" in told.read_text())
        async with ClientSession() as client, client.get(f"http://127.0.0.1:{told.read_text().split()[0]}/json") as answer:
            (page,) = [each for each in await answer.json() if each["type"] == "page"]
        async with connect(page["webSocketDebuggerUrl"], max_size=None) as socket:
            tab = Tab(socket)
            reading = asyncio.create_task(tab.read())
            for method in WATCHED:
                await tab.do(method)
            await tab.do("Page.navigate", url=url)
            yield tab
            reading.cancel()
    finally:
        browser.kill()
        await browser.wait()
