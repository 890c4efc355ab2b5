"""The pages of the OpenAPI document, and their files."""

import re

import pytest
from aiohttp import ClientSession

from quantd.api.routes.documents import assets

PAGES = ("/docs", "/redoc")
TYPES = {"js": "text/javascript", "css": "text/css", "txt": "text/plain"}
BROUGHT = ["swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js"]
LICENCES = ["swagger-ui-dist.LICENSE.txt", "swagger-ui-dist.NOTICE.txt", "redoc.LICENSE.txt"]

every_page = pytest.mark.parametrize("path", PAGES)


def test_the_build_has_brought_the_files_in() -> None:
    assert {*BROUGHT, *LICENCES} - set(assets()) == set(), "run make again, or `python -m hatchling build -t wheel -d /tmp/wheel`"


@every_page
async def test_a_page_has_scripts_in_files_of_this_server_alone(session: ClientSession, path: str) -> None:
    async with session.get(path) as response:
        html, policy = await response.text(), response.headers["Content-Security-Policy"]
    assert response.content_type == "text/html"
    assert re.search(r"script-src 'self';", policy)
    assert "default-src 'none'" in policy
    assert re.findall(r"<script[^>]*>([^<]+)|\son\w+=|https?:", html) == []


@every_page
async def test_each_file_that_a_page_names_is_there(session: ClientSession, path: str) -> None:
    async with session.get(path) as response:
        named = re.findall(r'(?:src|href)="([^":]+)"', await response.text())
    assert len(named) == 3
    for each in named:
        async with session.get(f"/{each}") as response:
            assert response.status == 200
            assert response.content_type == TYPES[each.rpartition(".")[2]]
            assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", LICENCES)
async def test_licences_are_served(session: ClientSession, name: str) -> None:
    async with session.get(f"/assets/{name}") as response:
        assert re.search("licen[sc]e|copyright", await response.text(), re.IGNORECASE)


async def test_a_file_is_sent_once(session: ClientSession) -> None:
    async with session.get("/assets/docs.js") as first:
        assert first.headers["Cache-Control"] == "no-cache"
    async with session.get("/assets/docs.js", headers={"If-None-Match": first.headers["ETag"]}) as again:
        assert (again.status, await again.read()) == (304, b"")
    async with session.get("/assets/docs.js", headers={"If-None-Match": '"other"'}) as changed:
        assert changed.status == 200


@pytest.mark.parametrize(
    "name", ["nonesuch.js", "docs.html", "pins.json", "..%2f..%2fapp.py", "%2e%2e%2f%2e%2e%2fapp.py", "vendor%2fredoc.js", "%00"]
)
async def test_nothing_else_is_served(session: ClientSession, name: str) -> None:
    async with session.get(f"/assets/{name}") as response:
        assert response.status == 404
