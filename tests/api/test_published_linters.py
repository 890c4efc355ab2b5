"""The linters that others use on such documents find nothing in ours. npm brings them: `make documents`."""

import asyncio
import shutil
from pathlib import Path

import pytest

from quantd.api.openapi import encoded
from quantd.api.table import ROUTES

REDOCLY = "@redocly/cli@2.77.0"
SKIPPED = "operation-2xx-response"
"""The answer of a route that becomes a WebSocket is 101."""

pytestmark = [pytest.mark.peers, pytest.mark.skipif(not shutil.which("npx"), reason="npm is not installed")]


async def said(*command: str) -> tuple[int | None, str]:
    running = await asyncio.create_subprocess_exec("npx", "--yes", *command, stdout=-1, stderr=-2)
    told, _ = await running.communicate()
    return running.returncode, told.decode()


async def test_redocly_finds_nothing_in_the_openapi_document(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_bytes(encoded(ROUTES))
    status, told = await said(REDOCLY, "lint", str(file), "--extends", "recommended", "--skip-rule", SKIPPED)
    assert (status, "Warning was generated" in told) == (0, False), told
