"""The route that tells which leg of a pair leads, computed from ticks."""

from collections.abc import Sequence

import numpy as np
from aiohttp import web
from msgspec import Struct

from quantd.api.context import asker, services
from quantd.api.routes import checks
from quantd.api.schema import requests
from quantd.api.server.errors import Failure, answer
from quantd.model import Tick
from quantd.stats.asynchronous import LeadLag, lead_lag

_MOST_TICKS = 10_000
_MOST_LAGS = 401
_COST_S = 5e-8
"""Estimated seconds per tick and lag."""


class Lagged(Struct, frozen=True):
    """The correlation at one lag, which is in seconds."""

    lag: float
    value: float


class LeadLagAnswer(Struct, frozen=True):
    """The lead-lag curve. `leader` is the leg that leads by `lag` seconds, None if neither does; `reason` says why there is no result."""

    pair: str
    y_ticks: int
    x_ticks: int
    correlation: float | None
    lag: float | None
    leader: str | None
    ratio: float | None
    reason: str | None
    curve: list[Lagged]


async def handler(request: web.Request, asked: requests.LeadLagQuery) -> web.Response:
    """Return the lead-lag curve over the last seconds of ticks in memory."""
    y, x = checks.pair_legs(services(request).symbols, asked.pair)
    half = int(asked.max_lag / asked.step + 1e-9)  # 0.3 / 0.1 is slightly less than 3
    if 2 * half + 1 > _MOST_LAGS:
        raise Failure(400, f"At most {_MOST_LAGS} lags: raise step or lower max_lag")
    who = asker(request)
    await services(request).symbols.warm_up([y, x])
    newest = [last.ts for leg in (y, x) if (last := services(request).market.last_tick(leg))]
    start = min(newest, default=0) - int(asked.seconds * 1000)
    legs = [services(request).market.ticks(leg, start=start, limit=_MOST_TICKS) for leg in (y, x)]
    lags = asked.step * np.arange(-half, half + 1)
    cost = _COST_S * len(lags) * max(map(len, legs))
    found = await services(request).pool.aside(who, cost, _computed, legs[0], legs[1], lags)
    leader = (x if found.lag > 0 else y) if found.lag else None
    curve = [Lagged(*point) for point in zip(found.lags.tolist(), found.curve.tolist(), strict=True)]
    counts = len(legs[0]), len(legs[1])
    return answer(LeadLagAnswer(asked.pair, *counts, found.correlation, found.lag, leader, found.ratio, found.reason, curve))


def _computed(y: Sequence[Tick], x: Sequence[Tick], lags: np.ndarray) -> LeadLag:
    """Compute the curve by exchange time, in seconds."""
    columns = []
    for leg in (y, x):
        ordered = sorted(leg, key=lambda tick: (tick.ts, tick.id))
        columns += [np.array([tick.ts for tick in ordered]) / 1000.0, np.array([tick.price for tick in ordered])]
    return lead_lag(columns[0], columns[1], columns[2], columns[3], lags)
