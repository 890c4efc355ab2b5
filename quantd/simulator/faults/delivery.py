"""Faults of delivery: frames that are lost, late, out of order, duplicated, or old."""

from typing import ClassVar, Literal

from quantd.simulator.faults.fault import Connection, Fault, FaultRun, Frame, FrameFault, World
from quantd.simulator.faults.spec import Count, Natural

HOUR_MS = 3_600_000


class Drop(FrameFault, frozen=True, kw_only=True):
    """Loses `k` of each `n` frames on a healthy connection."""

    k: Count = 1
    n: Count = 1

    def __post_init__(self) -> None:
        if self.k > self.n:
            raise ValueError("k must not be above n")

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        return [each for each in frames if not (run.strikes() and self._loses(run))]

    def _loses(self, run: FaultRun) -> bool:
        group, place = divmod(run.struck - 1, self.n)
        return place in run.part(group).sample(range(self.n), self.k)


class Delay(FrameFault, frozen=True, kw_only=True):
    """Adds `ms` to each frame: as a constant, as the maximum of a uniform draw, or as the minimum of a Pareto draw.

    Frames stay in order, those without delay included, unless `reorder`.
    """

    ms: Natural
    law: Literal["fixed", "uniform", "pareto"] = "fixed"
    shape: float = 1.5
    most_ms: Natural = 60_000
    reorder: bool = False
    last: ClassVar[bool] = True

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        for each in frames:
            seconds = self._seconds(run) if run.strikes() else 0.0
            connection.send_data(each.encoded(connection), seconds, in_order=not self.reorder)
        return []

    def _seconds(self, run: FaultRun) -> float:
        if self.law == "uniform":
            return run.random.uniform(0, self.ms) / 1000
        factor = run.random.paretovariate(self.shape) if self.law == "pareto" else 1.0
        return min(self.ms * factor, self.most_ms) / 1000


class Reorder(FrameFault, frozen=True, kw_only=True):
    """Collects `window` frames of a connection, whatever their streams, and sends them shuffled."""

    window: Count = 5

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        out = []
        for each in frames:
            if not run.strikes():
                out.append(each)
                continue
            held = run.held[connection.number]
            held.append(each)
            if len(held) >= self.window:
                run.random.shuffle(held)
                out += run.held.pop(connection.number)
        return out

    def end(self, run: FaultRun, world: World) -> None:
        for connection in world.connections:
            connection.send_data(b"".join([each.encoded(connection) for each in run.held.pop(connection.number, [])]))


class Duplicate(FrameFault, frozen=True, kw_only=True):
    """Sends a frame twice: at once, after `ms`, or the last `n` again to each new subscriber of the stream."""

    mode: Literal["now", "later", "reconnect"] = "now"
    ms: Natural = 100
    n: Count = 5

    def begin(self, run: FaultRun, world: World) -> None:
        for connection in world.connections:
            for stream in connection.session.streams:
                run.held[f"{connection.number} {stream}"] = []

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        if self.mode == "reconnect":
            return self._greeted(run, connection, frames)
        twice = []
        for each in frames:
            twice.append(each)
            if not run.strikes():
                continue
            if self.mode == "now":
                twice.append(each)
            else:
                connection.send_data(each.encoded(connection), self.ms / 1000, in_order=False)
        return twice

    def _greeted(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        stream, known = frames[0].stream, f"{connection.number} {frames[0].stream}"
        before = [each for each in run.held[stream] if each not in frames]  # another connection may already have received these
        run.held[stream] = [*before, *frames][-self.n :]
        greeted = known not in run.held and run.strikes()
        run.held[known] = []
        return before + frames if greeted else frames


class ReplayOld(Fault, frozen=True, kw_only=True):
    """Sends `n` trades that are `age_ms` old on each stream of trades, as if they were new."""

    age_ms: Natural = HOUR_MS
    n: Count = 3

    def begin(self, run: FaultRun, world: World) -> None:
        for connection in run.struck_connections(world):
            for stream in connection.session.streams:
                if connection.gets(stream) and stream.endswith("@aggTrade") and run.spec.match.takes_stream(stream):
                    self._replay(connection, stream, world)

    def lasts(self) -> bool:
        return False

    def _replay(self, connection: Connection, stream: str, world: World) -> None:
        listing = world.exchange.listings.get(stream.partition("@")[0].upper())
        if listing is None:
            return
        now = world.exchange.clock.now_ms()
        payloads = [listing.wire.agg_trade(trade, now) for trade in listing.since(now - self.age_ms, None, self.n)]
        connection.send_data(b"".join([Frame(stream, payload).encoded(connection) for payload in payloads]))
