"""What a replay must give, computed from the files alone: whole columns, definitions written out, nothing of quantd.

Bars come from a table of every trade, points from a table of every bar. Window statistics are two-pass in extended precision, so that
the error seen is that of quantd; the Dickey-Fuller test is that of statsmodels.
"""

import gzip
import io
import json
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
FRAMES = {
    "1s": (SECOND, MINUTE),
    "5s": (5 * SECOND, MINUTE),
    "1m": (MINUTE, HOUR),
    "5m": (5 * MINUTE, HOUR),
    "15m": (15 * MINUTE, HOUR),
    "1h": (HOUR, DAY),
    "14h": (14 * HOUR, DAY),
    "1d": (DAY, DAY),
}
"""Length of a bucket, and of the clock's field that it cuts."""
FLAT = 1e-12
SHORTEST_ADF = 20
Table: TypeAlias = Any  # pandas has no types here


# --- files ---


def trades(paths: Iterable[Path]) -> Table:
    """Every trade of the files, once: symbol, id, ts, price, qty, buyer_maker. Those without an id are numbered by time and arrival."""
    rows = pd.DataFrame([row for path in paths for row in _rows(path)], columns=["symbol", "id", "ts", "price", "qty", "buyer_maker"])
    unnumbered = rows.id == 0
    rows.loc[unnumbered, "id"] = rows.ts * 1000 + rows[unnumbered].groupby(["symbol", "ts"]).cumcount()
    return rows.drop_duplicates(["symbol", "id"]).sort_values(["symbol", "id"], ignore_index=True)


def _rows(path: Path) -> Iterator[tuple[str, int, int, float, float, bool]]:
    name = path.name
    for line in _text(path).splitlines():
        if "-aggTrades" in name:
            number, price, qty, _, _, ts, maker = line.split(",")
            if number != "agg_trade_id":
                yield name.partition("-")[0], int(number), int(ts), float(price), float(qty), maker == "true"
        elif ".jsonl" in name:
            frame = json.loads(line.partition(" ")[2])
            data = frame.get("data", frame)
            if data.get("e") in ("trade", "aggTrade"):
                yield data["s"], data["a" if data["e"] == "aggTrade" else "t"], data["T"], float(data["p"]), float(data["q"]), data["m"]
        elif name.endswith(".ndjson"):
            trade = json.loads(line)
            yield trade["symbol"].upper(), 0, trade["ts"], trade["price"], trade["size"], False


def _text(path: Path) -> str:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes()).decode()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return archive.read(archive.namelist()[0]).decode()
    return path.read_text()


# --- bars ---


def floor(ts: np.ndarray, every: str) -> np.ndarray:
    """Opening times of the buckets that hold these times."""
    step, field = FRAMES[every]
    return ts - ts % field % step


def end(ts: np.ndarray, every: str) -> np.ndarray:
    """Ends of the buckets that open at these times."""
    step, field = FRAMES[every]
    return np.minimum(ts + step, ts - ts % field + field)


def bars(table: Table, last: int, every: Sequence[str]) -> Table:
    """Bars of all symbols of a table of trades, whose replay ended at `last`."""
    made = []
    for symbol, of in table.groupby("symbol"):
        seconds = _seconds(of, last)
        made += [_longer(seconds, name).assign(symbol=symbol, every=name) for name in every]
    return pd.concat(made, ignore_index=True)


def _seconds(table: Table, last: int) -> Table:
    """One-second bars of one symbol, whose trades are given by id."""
    table = table.assign(
        start=floor(table.ts.to_numpy(), "1s"), paid=table.price * table.qty, taker=table.qty.where(~table.buyer_maker, 0.0)
    )
    by = table.groupby("start")
    found = pd.DataFrame(
        {
            **{"open": by.price.first(), "high": by.price.max(), "low": by.price.min(), "close": by.price.last()},
            **{"volume": by.qty.sum(), "trades": by.size(), "paid": by.paid.sum(), "taker_buy_volume": by.taker.sum()},
            **{"first_id": by.id.min(), "last_id": by.id.max()},
        }
    )
    found = found.reindex(pd.RangeIndex(table.start.min(), last + 1, SECOND))
    found["close"] = found.close.ffill()
    for name in ("open", "high", "low"):
        found[name] = found[name].fillna(found.close)
    found = found.fillna({"volume": 0.0, "trades": 0, "paid": 0.0, "taker_buy_volume": 0.0})
    found["quality"] = "complete"
    found.iloc[[0, -1], found.columns.get_loc("quality")] = "partial"
    for first, until in _holes(table):
        found.loc[first - first % SECOND : until, "quality"] = "gap"
    return found.assign(until=found.index + SECOND).rename_axis("ts").reset_index()


def _holes(table: Table) -> list[tuple[int, int]]:
    """The times between which ids are missing. Ids that were made here from the time have no holes."""
    if table.id.iloc[0] >= table.ts.iloc[0] * 1000:
        return []
    pairs = zip(table.id, table.ts, table.id.shift(-1), table.ts.shift(-1), strict=True)
    return [(int(min(ts, after)), int(max(ts, after))) for number, ts, following, after in pairs if following > number + 1]


def _longer(parts: Table, every: str) -> Table:
    """Bars of a timeframe, of the shorter ones, which last from `ts` to `until`: prices are those of the trades, or the last before."""
    starts = floor(parts.ts.to_numpy(), every)
    by = parts.groupby(starts)
    made = pd.DataFrame({name: by[name].sum(min_count=1) for name in ("volume", "trades", "paid", "taker_buy_volume")})
    for name, way in {"open": "first", "high": "max", "low": "min", "close": "last"}.items():
        made[name] = _of_traded(parts, starts, name, way).reindex(made.index).fillna(by.close.last())
    made["vwap"] = (made.paid / made.volume).where(made.volume > 0)
    whole = (by.ts.first() == made.index) & (by.until.last() == end(made.index.to_numpy(), every))
    has = {quality: parts.quality.eq(quality).groupby(starts).any() for quality in ("gap", "partial", "imported")}
    made["quality"] = np.select([has["gap"], ~whole | has["partial"], has["imported"]], ["gap", "partial", "imported"], "complete")
    return made.rename_axis("ts").reset_index()


def _of_traded(parts: Table, starts: np.ndarray, name: str, way: str) -> pd.Series:
    """One price of the parts with volume: the first and the last are those by id."""
    traded = parts.assign(start=starts)[parts.volume > 0]
    order = {"first": "first_id", "last": "last_id"}.get(way)
    if order:
        traded = traded.sort_values(order, kind="stable")
    return traded.groupby("start")[name].agg(way)


def imported(path: Path, base: str, every: Sequence[str]) -> Table:
    """Bars of a file of bars of timeframe `base`: missing rows are flat ones of quality gap."""
    made = []
    for symbol, of in pd.read_csv(io.StringIO(_text(path))).groupby("symbol"):
        rows = of.set_index("ts").assign(quality="imported")
        steps = [rows.index[0]]
        while steps[-1] < rows.index[-1]:
            steps.append(int(end(np.array(steps[-1]), base)))
        rows = rows.reindex(steps).rename_axis("ts")
        rows["close"] = rows.close.ffill()
        rows = rows.fillna({"open": rows.close, "high": rows.close, "low": rows.close, "volume": 0.0, "quality": "gap"}).reset_index()
        nothing = dict.fromkeys(("trades", "paid", "taker_buy_volume"), np.nan)
        rows = rows.assign(first_id=rows.ts, last_id=rows.ts, until=end(rows.ts.to_numpy(), base), **nothing)
        made += [_longer(rows, name).assign(symbol=symbol, every=name) for name in every]
    return pd.concat(made, ignore_index=True)


# --- points ---

WORST_LAST = ("complete", "imported", "partial", "gap")


def points(y: Table, x: Table, window: int, *, prices: str = "raw", adf_step: int = 1) -> Table:
    """The points of a pair, given the bars of its legs on one timeframe; every `adf_step`th is `tested`."""
    both = y.merge(x, on="ts", suffixes=("_y", "_x")).sort_values("ts", ignore_index=True)
    if len(both) < window:
        return pd.DataFrame({"ts": []})
    seen = np.log if prices == "log" else np.asarray
    table = _fits(seen(both.close_y.to_numpy()), seen(both.close_x.to_numpy()), window, prices)
    qualities = both[["quality_y", "quality_x"]].map(WORST_LAST.index)
    table["ts"] = both.ts.to_numpy()[window - 1 :]
    table["quality"] = [WORST_LAST[worst] for worst in qualities.max(axis=1)[window - 1 :]]
    table["coverage"] = (qualities < 2).mean(axis=1).rolling(window).mean().to_numpy()[window - 1 :]
    y, x = (seen(both[name].to_numpy()) for name in ("close_y", "close_x"))
    table["corr_returns"] = _corr_of_returns(both.close_y.to_numpy(), both.close_x.to_numpy(), window)
    return _with_adf(table, y, x, window, adf_step).dropna(subset="beta").reset_index(drop=True)


def _fits(y: np.ndarray, x: np.ndarray, window: int, prices: str) -> Table:
    """Least squares of y on x over each window, and the last residual over their deviation; NaN where there is no number."""
    ys, xs = (np.lib.stride_tricks.sliding_window_view(each.astype(np.longdouble), window) for each in (y, x))
    mean_y, mean_x = ys.mean(axis=1), xs.mean(axis=1)
    dy, dx = ys - mean_y[:, None], xs - mean_x[:, None]
    syy, sxx, sxy = ((a * b).sum(axis=1) for a, b in ((dy, dy), (dx, dx), (dy, dx)))
    moves_y, moves_x = (np.sqrt(square / (window - 1)) > FLAT * abs(mean) for square, mean in ((syy, mean_y), (sxx, mean_x)))
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = np.where(moves_x, sxy / sxx, np.nan)
        rss = ((dy - beta[:, None] * dx) ** 2).sum(axis=1)
        stderr = np.sqrt(rss / (window - 2) / sxx) if window > 2 else np.full(len(beta), np.nan)
        steepness = np.sqrt(syy / sxx)
        r2 = np.where(moves_y, 1 - rss / syy, np.nan)
        corr = np.where(moves_y & moves_x, sxy / np.sqrt(sxx * syy), np.nan)
    now_y, now_x = ys[:, -1], xs[:, -1]
    spread, spread_mean = now_y - beta * now_x, mean_y - beta * mean_x
    std = np.sqrt(rss / (window - 1))
    price = 1 + abs(beta) if prices == "log" else abs(mean_y) + abs(beta * mean_x)
    moves = (std > FLAT * price) & (window > 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        zscore = np.where(moves, (dy[:, -1] - beta * dx[:, -1]) / std, np.nan)
    columns = {
        "zscore": zscore,
        "sigma": std,
        "spread_mean": spread_mean,
        "spread_std": np.where(moves | np.isnan(beta), std, 0.0),
        "y": now_y,
        "x": now_x,
        "alpha": mean_y - beta * mean_x,
        "beta": beta,
        "stderr": stderr,
        "r2": r2,
        "corr": corr,
        "steepness": steepness,
    }
    return pd.DataFrame(columns | {"spread": spread})


def _corr_of_returns(y: np.ndarray, x: np.ndarray, window: int) -> np.ndarray:
    """Pearson's correlation of the log returns between the closes of each window."""
    if window < 3:
        return np.full(len(y) - window + 1, np.nan)
    rows = np.lib.stride_tricks.sliding_window_view(
        np.diff(np.log(np.column_stack([y, x]).astype(np.longdouble)), axis=0), window - 1, axis=0
    )
    off = rows - rows.mean(axis=2, keepdims=True)
    squares = (off**2).sum(axis=2)
    still = np.sqrt(squares / max(1, window - 2)) <= FLAT * abs(rows.mean(axis=2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(still.any(axis=1), np.nan, (off[:, 0] * off[:, 1]).sum(axis=1) / np.sqrt(squares.prod(axis=1)))


def _with_adf(table: Table, y: np.ndarray, x: np.ndarray, window: int, step: int) -> Table:
    """Augmented Dickey-Fuller on the last max(2 * window, 20) closes, at least 20, priced with the beta of the last of them; none where the
    last has no z-score, for it does not move.

    Where statsmodels warns that its regression is singular or its fit perfect, the answer is nobody's to know: not `tested`."""
    from statsmodels.tsa.stattools import adfuller

    answers = np.full((len(table), 3), np.nan)
    tested = np.arange(len(table)) % step == step - 1
    moves = np.isfinite(table.zscore.to_numpy(float))
    for at, beta in enumerate(table.beta.astype(float)):
        last = slice(max(0, at + window - max(2 * window, SHORTEST_ADF)), at + window)
        of_y, of_x = y[last], x[last]
        spread = of_y - beta * of_x
        level = max(abs(of_y).max(), abs(beta * of_x).max())
        if tested[at] and moves[at] and len(spread) >= SHORTEST_ADF and np.ptp(spread) > 4 * FLAT * level:
            with warnings.catch_warnings(action="error"):
                try:
                    done = adfuller(spread, result_object=True)
                    answers[at] = done.statistic, done.pvalue, done.lags
                except Warning:
                    tested[at] = False
    return table.assign(adf_stat=answers[:, 0], adf_pvalue=answers[:, 1], adf_lags=answers[:, 2], tested=tested)
