"""Whose address a request has, behind proxies that are trusted and those that are not."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from quantd.api.access.proxies import Proxies
from quantd.config.access import AuthSettings
from quantd.config.model import ApiSettings

from .tokens import guarded

TRUSTED = ("10.0.0.0/8", "127.0.0.1", "fd00::/8")
XFF, FORWARDED = "X-Forwarded-For", "Forwarded"


def client(peer: str, *headers: tuple[str, str], trusted: Sequence[str] = TRUSTED) -> str:
    request = make_mocked_request("GET", "/", CIMultiDict(headers)).clone(remote=peer)
    return Proxies(trusted).client(request)


@pytest.mark.parametrize(
    ("peer", "headers", "found"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", [(XFF, "1.2.3.4")], "203.0.113.9"),
        ("203.0.113.9", [(FORWARDED, "for=1.2.3.4")], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [(XFF, "203.0.113.9")], "203.0.113.9"),
        ("::ffff:10.0.0.1", [(XFF, "203.0.113.9")], "203.0.113.9"),
        ("10.0.0.1", [(XFF, "6.6.6.6, 203.0.113.9,10.0.0.2")], "203.0.113.9"),
        ("10.0.0.1", [(XFF, "6.6.6.6"), (XFF, "203.0.113.9")], "203.0.113.9"),
        ("10.0.0.1", [(XFF, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        ("10.0.0.1", [(XFF, "203.0.113.9:4711")], "203.0.113.9"),
        ("10.0.0.1", [(XFF, "[2001:db8::1]:4711, 10.0.0.2")], "2001:db8::1"),
        ("fd00::1", [(XFF, "2001:db8::1")], "2001:db8::1"),
        ("10.0.0.1", [(XFF, "203.0.113.9, unknown, 10.0.0.2")], "10.0.0.2"),
        ("10.0.0.1", [(XFF, "")], "10.0.0.1"),
        ("10.0.0.1", [(XFF, "203.0.113.9, <script>")], "10.0.0.1"),
        ("10.0.0.1", [(XFF, ", ".join(["6.6.6.6"] * 100 + ["203.0.113.9"] + ["10.0.0.2"] * 20))], "203.0.113.9"),
        ("10.0.0.1", [(FORWARDED, "for=6.6.6.6, for=203.0.113.9;proto=https;by=10.0.0.1")], "203.0.113.9"),
        ("10.0.0.1", [(FORWARDED, 'For="[2001:db8::1]:80"')], "2001:db8::1"),
        ("10.0.0.1", [(FORWARDED, "for=203.0.113.9, for=_hidden")], "10.0.0.1"),
        ("10.0.0.1", [(FORWARDED, 'for="1.2.3.4, for=203.0.113.9')], "10.0.0.1"),
        ("10.0.0.1", [(FORWARDED, "for=1.2.3.4"), (XFF, "203.0.113.9")], "10.0.0.1"),
        ("10.0.0.1", [(FORWARDED, "for=203.0.113.9"), (XFF, "203.0.113.9")], "203.0.113.9"),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(peer: str, headers: list[tuple[str, str]], found: str) -> None:
    assert client(peer, *headers) == found


@given(st.sampled_from([XFF, FORWARDED]), st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40))
def test_whatever_a_client_claims_the_proxy_is_believed(name: str, claimed: str) -> None:
    told = "for=203.0.113.9" if name == FORWARDED else "203.0.113.9"
    assert client("10.0.0.1", (name, claimed), (name, told)) in ("203.0.113.9", "10.0.0.1")


async def test_streams_are_held_by_the_client_behind_the_proxy(tmp_path: Path) -> None:
    async with guarded(tmp_path, ApiSettings(trusted_proxies=("127.0.0.1",))) as api:
        token = api.token("write", "ops")
        body = json.dumps({"symbols": ["BTCUSDT"]}).encode()
        sent = f"Content-Length: {len(body)}", "X-Forwarded-For: 203.0.113.9"
        assert (await api.ask("/stream/start", *sent, token=token, method="POST", body=body)).status == 200
        assert list(api.services.symbols.held) == ["token:ops"], "a token is the same wherever it is used"


@pytest.mark.parametrize("header", ["Forwarded: for=1.1.1.1", "X-Forwarded-For: unknown", "X-Forwarded-For: 127.0.0.1", "Via: 1.1 proxy"])
async def test_no_header_makes_a_client_behind_a_proxy_one_of_this_host(tmp_path: Path, header: str) -> None:
    """It would have no quota."""
    settings = ApiSettings(trusted_proxies=("127.0.0.1",), auth=AuthSettings(mode="none"))
    async with guarded(tmp_path, settings) as api:
        assert "ratelimit" not in (await api.ask("/symbols")).headers
        sent = [header] if header.startswith("X-") else ["X-Forwarded-For: 203.0.113.9", header]
        assert "ratelimit" in (await api.ask("/symbols", *sent)).headers
