"""schemathesis asks the API whatever the OpenAPI document allows, and what it does not: every answer is as the document says.

It runs as a process of its own against a market on a port: examples, coverage of each parameter's bounds, random values, and sequences of
requests in which one uses what another answered.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quantd.api.app import make_app
from quantd.config.model import ApiSettings

from .market import market
from .serving import ApiServer

RULES = Path(__file__).with_name("schemathesis.toml")
SEED = "1"


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer(make_app(market(), ApiSettings(), lambda: (b"ticks_total 1\n", "text/plain"))) as running:
        yield running


async def found(server: ApiServer, examples: int, folder: Path) -> str:
    """What schemathesis reports of failures, with the requests that show them; empty if there are none."""
    command = ["--config-file", str(RULES), "--no-color", "run", str(server.make_url("/openapi.json"))]
    options = ["--seed", SEED, "--max-examples", str(examples), "--warnings", "off", "--generation-database", "none"]
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", *command, *options, cwd=folder, stdout=-1, stderr=-2
    )
    told, _ = await running.communicate()
    return told.decode() if running.returncode else ""


async def test_a_few_examples_of_each_route(server: ApiServer, tmp_path: Path) -> None:
    assert await found(server, 3, tmp_path) == ""


@pytest.mark.chaos
@pytest.mark.timeout(3_600)
async def test_many_examples_of_each_route(server: ApiServer, tmp_path: Path) -> None:
    assert await found(server, 200, tmp_path) == ""
