"""schemathesis asks the API whatever the OpenAPI document allows, and what it does not: every answer is as the document says.

It runs as a process of its own against a market on a port: examples, coverage of each parameter's bounds, random values, and sequences of
requests in which one uses what another answered.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from .administered import administered
from .market import market
from .serving import ApiServer

RULES = Path(__file__).with_name("schemathesis.toml")
SEED = "1"


class Fuzzed(NamedTuple):
    """An API that is asked, and the header of those who may do everything."""

    server: ApiServer
    rights: dict[str, str]


@pytest.fixture
async def fuzzed(tmp_path: Path) -> AsyncIterator[Fuzzed]:
    app, rights = administered(market(), tmp_path, lambda: (b"ticks_total 1\n", "text/plain"))
    async with ApiServer(app) as server:
        yield Fuzzed(server, rights)


async def demand_none(fuzzed: Fuzzed, examples: int, folder: Path) -> None:
    """Fail with what schemathesis reports, if it finds a failure: the requests that show it."""
    command = ["--config-file", str(RULES), "--no-color", "run", str(fuzzed.server.make_url("/openapi.json"))]
    options = ["--seed", SEED, "--max-examples", str(examples), "--warnings", "off", "--generation-database", "none"]
    headers = [f"--header={name}:{value}" for name, value in fuzzed.rights.items()]
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", *command, *options, *headers, cwd=folder, stdout=-1, stderr=-2
    )
    told, _ = await running.communicate()
    if running.returncode:
        pytest.fail(told.decode(), pytrace=False)


async def test_a_few_examples_of_each_route(fuzzed: Fuzzed, tmp_path: Path) -> None:
    await demand_none(fuzzed, 3, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_many_examples_of_each_route(fuzzed: Fuzzed, tmp_path: Path) -> None:
    await demand_none(fuzzed, 200, tmp_path)
