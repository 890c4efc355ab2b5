"""Quotas: the bucket against a plain model of it, and what a caller is told."""

import re
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.api.access.caller import Caller
from quantd.api.access.limits import CallerLimits, Meter, TooMany
from quantd.api.access.proxies import is_local
from quantd.api.app import make_app
from quantd.config.limits import LimitSettings, Quota, Quotas
from quantd.config.model import ApiSettings
from quantd.testing.services import FakeServices
from tests.clocks import HostClock

from .serving import ApiServer, request, told
from .test_shortcut import Client, fill, get, shown
from .tokens import guarded


def caller(address: str, name: str | None = None) -> Caller:
    return Caller(address, frozenset(), name, is_direct=is_local(address))


@given(
    rate=st.sampled_from([0.1, 1.0, 3.0, 50.0]),
    burst=st.integers(1, 8),
    waits=st.lists(st.sampled_from([0.0, 0.01, 0.1, 1.0, 5.0]), max_size=60),
)
def test_it_is_a_bucket_of_tokens(rate: float, burst: int, waits: list[float]) -> None:
    """Against tokens that are counted."""
    clock = HostClock()
    meter = Meter("cheap", Quota(rate=rate, burst=burst), clock)
    tokens = float(burst)
    for wait in waits:
        clock.go_on(wait)
        tokens = min(burst, tokens + wait * rate)
        room = meter.take("a")
        assert (room >= -1e-9) == (tokens >= 1 - 1e-6)
        if tokens >= 1 - 1e-6:
            tokens -= 1
            told = re.fullmatch(r'"cheap";r=(\d+);t=(\d+)', meter.left(room))
            assert told
            assert int(told[1]) == int(tokens + 1e-6)
        else:
            assert -room == pytest.approx((1 - tokens) / rate, abs=1e-6)
            assert meter.lacks("a") == pytest.approx(-room, abs=1e-6)
            clock.go_on(-room)
            assert meter.lacks("a") == pytest.approx(0, abs=1e-6)
            tokens = 1.0


def test_what_is_left_is_told() -> None:
    clock = HostClock()
    meter = Meter("write", Quota(rate=0.5, burst=3), clock)
    assert meter.policy == '"write";q=3;w=6'
    assert [meter.left(meter.take("a")) for _ in range(4)] == [
        '"write";r=2;t=2',
        '"write";r=1;t=4',
        '"write";r=0;t=2',
        '"write";r=0;t=2',
    ]
    clock.go_on(1.5)
    refused = meter.refusal(meter.take("a"))
    assert (refused.status, refused.headers) == (429, {"Retry-After": "1"})
    assert refused.detail == "Too many requests: write has 0.5 a second and 3 at once"


def test_who_waits_as_long_as_told_is_served() -> None:
    clock = HostClock()
    meter = Meter("cheap", Quota(rate=0.3, burst=1), clock)
    meter.take("a")
    for _ in range(50):
        clock.go_on(ceil(-meter.take("a")))
        assert meter.take("a") >= 0


def test_callers_are_apart_and_their_number_is_bounded() -> None:
    meter = Meter("cheap", Quota(rate=0.001, burst=2), HostClock(), most=100)
    assert meter.take("a") > 0
    assert meter.take("b") == meter.take("a") + 1000
    assert meter.take("a") < 0
    for number in range(99):
        meter.take(f"c{number}")
    assert meter.take("a") < 0, "it is still known, since there was room for as many again"
    for number in range(10_000):
        meter.take(f"d{number}")
        assert meter.callers <= 200


class TestWho:
    SETTINGS = LimitSettings(cheap=Quota(rate=1, burst=1))

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.9.9.9", "::ffff:127.0.0.1"])
    def test_this_machine_has_no_quota_unless_it_is_given_one(self, address: str) -> None:
        assert CallerLimits(self.SETTINGS).take(caller(address), "cheap") is None
        given = CallerLimits(LimitSettings(loopback=Quotas(cheap=Quota(rate=1, burst=9))))
        standing = given.take(caller(address), "cheap")
        assert standing
        assert standing.headers()["RateLimit-Policy"] == '"cheap";q=9;w=9'

    def test_a_token_has_one_wherever_it_is_used(self) -> None:
        limits = CallerLimits(self.SETTINGS, HostClock())
        there = [limits.take(caller(address, "bot"), "cheap") for address in ("127.0.0.1", "192.0.2.1")]
        assert [standing.room for standing in there if standing] == [0.0, -1.0]
        assert limits.take(caller("192.0.2.1"), "cheap"), "an address is another caller"

    def test_classes_are_apart(self) -> None:
        limits = CallerLimits(self.SETTINGS, HostClock())
        rooms = [standing.room for rate in ("cheap", "analytics") if (standing := limits.take(caller("192.0.2.1"), rate))]
        assert min(rooms) >= 0

    def test_addresses_of_one_network_count_as_one(self) -> None:
        limits = CallerLimits(self.SETTINGS, HostClock())
        found = [limits.take(caller(address), "cheap") for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")]
        assert [standing.room >= 0 for standing in found if standing] == [True, False, True]


def test_failed_authentications_are_counted_by_address() -> None:
    clock = HostClock()
    limits = CallerLimits(LimitSettings(logins=Quota(rate=0.1, burst=3)), clock)
    for _ in range(3):
        limits.admit_login("127.0.0.1")
        limits.login_failed("127.0.0.1")
    with pytest.raises(TooMany, match="Too many failed authentications") as refused:
        limits.admit_login("127.0.0.1")
    assert refused.value.headers == {"Retry-After": "10"}
    limits.admit_login("192.0.2.1")
    clock.go_on(10)
    limits.admit_login("127.0.0.1")


async def test_a_limited_caller_is_told_what_is_left_and_then_refused(services: FakeServices) -> None:
    limits = LimitSettings(loopback=Quotas(cheap=Quota(rate=0.01, burst=2)))
    async with ApiServer(make_app(services, ApiSettings(limits=limits))) as server:
        answers = [await told(server.port, request(path)) for path in ("/symbols", "/pairs", "/symbols", "/health", "/alerts/x")]
        other = await told(server.port, request("/analytics/pair", "Origin: http://localhost:8080"))
    assert [answer.status for answer in answers] == [200, 200, 429, 429, 429]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"cheap";q=2;w=200'}
    assert [answer.headers["ratelimit"] for answer in answers[:3]] == ['"cheap";r=1;t=100', '"cheap";r=0;t=100', '"cheap";r=0;t=100']
    assert answers[2].headers["retry-after"] == "100"
    assert answers[2].detail == "Too many requests: cheap has 0.01 a second and 2 at once"
    assert (other.status, other.headers["ratelimit"]) == (422, '"analytics";r=49;t=1'), "another class has its own quota"


async def test_who_is_not_limited_is_told_nothing(server: ApiServer) -> None:
    for _ in range(3):
        assert not [name for name in (await told(server.port, request())).headers if name.startswith("ratelimit")]


FEW = LimitSettings(loopback=Quotas(cheap=Quota(rate=0.01, burst=4), analytics=Quota(rate=0.01, burst=3)))


@pytest.mark.parametrize("path", ["/pairs", "/analytics/zscore?pair=BTCUSDT-ETHUSDT"])
async def test_the_shortcut_counts_and_tells_like_the_long_way(services: FakeServices, path: str) -> None:
    fill(services)
    name, quota = ("cheap", 4) if path == "/pairs" else ("analytics", 3)
    async with ApiServer(make_app(services, ApiSettings(limits=FEW))) as server:
        client = await Client.of(server)
        served = [await client.ask(get(path)) for _ in range(quota)]
        assert server.connections.shortcut.answered == quota - 1
        refused = [await client.ask(get(path)) for _ in range(2)]
        client.writer.close()
    assert [answer.status for answer in served + refused] == [200] * quota + [429] * 2
    assert len({shown(answer)[2] for answer in served}) == 1
    assert {answer.headers["ratelimit-policy"] for answer in served} == {f'"{name}";q={quota};w={100 * quota}'}
    told = [f'"{name}";r={quota - 1 - number};t={100 * (number + 1) if number + 1 < quota else 100}' for number in range(quota)]
    assert [answer.headers["ratelimit"] for answer in served] == told
    assert [answer.headers["retry-after"] for answer in refused] == ["100"] * 2
    assert dict(server.connections.gate.limits.counts())[(name,)] == 2


async def test_wrong_tokens_are_answered_so_many_times(tmp_path: Path) -> None:
    limits = LimitSettings(logins=Quota(rate=0.1, burst=3))
    async with guarded(tmp_path, ApiSettings(limits=limits)) as api:
        right, ended = api.token("read"), api.token("read", "ended")
        api.revoke("ended")
        assert [(await api.ask("/symbols", token=ended)).status for _ in range(5)] == [401] * 5, "who had one is told that it has ended"
        wrong = [await api.ask("/symbols", token=f"quantd_{number}") for number in range(5)]
        assert [answer.status for answer in wrong] == [401, 401, 401, 429, 429]
        assert (wrong[-1].detail, wrong[-1].headers["retry-after"]) == ("Too many failed authentications", "10")
        assert (await api.ask("/symbols", token=right)).status == 200, "nobody can lock out others of the same address"
        api.clock.go_on(10.0)
        assert (await api.ask("/symbols", token="quantd_x")).status == 401


async def test_who_has_no_right_is_counted_too(tmp_path: Path) -> None:
    limits = LimitSettings(loopback=Quotas(cheap=Quota(rate=0.01, burst=2)))
    async with guarded(tmp_path, ApiSettings(limits=limits)) as api:
        api.token("read")
        assert [(await api.ask(path)).status for path in ("/symbols", "/nothing", "/symbols")] == [401, 401, 429]


async def test_a_token_from_this_machine_is_limited(tmp_path: Path) -> None:
    async with guarded(tmp_path, ApiSettings(limits=LimitSettings(cheap=Quota(rate=0.01, burst=1)))) as api:
        tokens = [api.token("read"), api.token("read", "other")]
        assert [(await api.ask("/symbols", token=token)).status for token in (*tokens, *tokens)] == [200, 200, 429, 429]
