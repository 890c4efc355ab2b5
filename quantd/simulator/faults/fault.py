"""The base classes of all faults, and the parts of the exchange that faults can see."""

from __future__ import annotations

from asyncio import Event, Task, create_task
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Struct

from quantd.simulator.faults.spec import FaultSpec
from quantd.simulator.frames import TEXT, combined, frame

if TYPE_CHECKING:
    from quantd.simulator.clock import Clock
    from quantd.simulator.exchange import Exchange
    from quantd.simulator.protocol import Session


class Connection(Protocol):
    """An open connection as a fault sees it."""

    number: int
    path: str
    session: Session
    owed_pongs: int

    def gets(self, stream: str) -> bool: ...
    def send(self, frames: bytes) -> None: ...
    def send_data(self, frames: bytes, delay_s: float = 0.0, *, in_order: bool = True) -> None: ...
    def ping(self) -> None: ...
    def clog(self, owner: str) -> None: ...
    def unclog(self, owner: str) -> None: ...
    def finish(self) -> None: ...
    def reset(self) -> None: ...
    async def close(self, code: int, reason: str = "") -> None: ...


class Listener(Protocol):
    """A listener as a fault sees it."""

    async def shut(self, owner: str, *, silent: bool) -> None: ...
    async def reopen(self, owner: str) -> None: ...


@dataclass
class World:
    """The parts of the exchange on which faults act."""

    exchange: Exchange
    connections: Collection[Connection]
    publish: Callable[[str, Sequence[bytes]], None]
    listeners: Mapping[str, Listener] = field(default_factory=dict)
    now: int = 0  # the time that begins and ends faults: that of the live path, never later than the clock
    jump: int = 0  # added to the ids when trading resumes
    paces: dict[str, float | None] = field(default_factory=dict)
    prompt: list[Task[None]] = field(default_factory=list)  # tasks that must finish before an addition counts as done
    _tasks: set[Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[Any, Any, None]) -> Task[None]:
        """Run a coroutine in the background."""
        task = create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class Frame(NamedTuple):
    """A payload on its way to one connection. `wire` replaces the text frame that would be made of it."""

    stream: str
    payload: bytes
    wire: bytes | None = None

    def text(self, connection: Connection) -> bytes:
        """Return the payload in the form that this connection expects."""
        [text] = combined(self.stream, [self.payload]) if connection.session.combined else [self.payload]
        return text

    def encoded(self, connection: Connection) -> bytes:
        return frame(TEXT, self.text(connection)) if self.wire is None else self.wire


class Fault(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A kind of fault. Its fields are the `params` of its specification."""

    def begin(self, run: FaultRun, world: World) -> None:
        """Apply what the fault does when it begins."""

    def end(self, run: FaultRun, world: World) -> None:
        """Undo lasting effects of the fault."""

    def lasts(self) -> bool:
        """Return whether the fault has effects after its beginning."""
        return True


class FrameFault(Fault, frozen=True, kw_only=True):
    """A fault that changes what connections receive. Faults that send by themselves come `last`."""

    last: ClassVar[bool] = False

    def frames(self, run: FaultRun, connection: Connection, frames: list[Frame]) -> list[Frame]:
        """Return what is sent in place of `frames`, all of one publication."""
        return frames

    def answer(self, run: FaultRun, connection: Connection, text: str) -> bool:
        """Return whether the fault sends, delays or withholds the answer to a SUBSCRIBE itself."""
        return False

    def concerns(self, run: FaultRun, connection: Connection, stream: str) -> bool:
        """Return whether `frames` must be called."""
        return run.meets_frame(connection, stream)


class HttpFault(Fault, frozen=True, kw_only=True):
    """A fault that changes the answers to requests, including WebSocket upgrades."""

    def at(self, listener: str) -> bool:
        """Return whether the fault applies to the listener, `ws` or `rest`."""
        raise NotImplementedError

    async def serve(self, run: FaultRun, handler: Handler, request: web.Request) -> web.StreamResponse:
        """Answer in place of `handler`."""
        raise NotImplementedError


@dataclass(eq=False)
class FaultRun:
    """A fault that waits, is active or has ended, with its state.

    It draws from its own generator, so that no fault changes another or the market.
    """

    id: str
    spec: FaultSpec
    fault: Fault
    seed: int
    symbols: tuple[str, ...] = ()
    began: int = 0
    until: int | None = None
    seen: int = 0
    struck: int = 0
    over: bool = False
    held: defaultdict[str | int, list[Frame]] = field(default_factory=lambda: defaultdict(list))
    connections: set[Connection] = field(default_factory=set)
    tasks: list[Task[None]] = field(default_factory=list)
    clock: Clock | None = None
    ended: Event = field(default_factory=Event)
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = self.part()

    def part(self, *key: object) -> Random:
        """Return a random generator for a part of this run."""
        return Random(" ".join(map(str, (self.seed, "fault", self.id, *key))))

    def meets(self, connection: Connection) -> bool:
        """Return whether this connection matches, regardless of `nth` and `prob`."""
        match = self.spec.match
        streams = (match.stream is None and match.symbol is None) or any(map(self._flows(connection), connection.session.streams))
        return match.conn in (None, connection.number) and match.takes_path(connection.path) and streams

    def meets_frame(self, connection: Connection, stream: str) -> bool:
        match = self.spec.match
        return match.takes_stream(stream) and match.conn in (None, connection.number) and match.takes_path(connection.path)

    def meets_request(self, request: web.Request) -> bool:
        """Return whether the path and the named streams or symbol match."""
        match, names = self.spec.match, f"{request.path}?{request.query_string}"
        streams = match.stream is None or match.stream in names
        symbols = match.symbol is None or match.symbol.lower() in names.lower()
        return match.takes_path(request.path) and streams and symbols

    def strikes(self) -> bool:
        """Count a matching event. Return whether `nth` and `prob` select it."""
        self.seen += 1
        match = self.spec.match
        taken = match.nth in (None, self.seen) and (match.prob is None or self.random.random() < match.prob)
        self.struck += taken
        return taken

    def struck_connections(self, world: World) -> Iterator[Connection]:
        """Yield the connections that match now, in the order in which they were opened."""
        return (connection for connection in list(world.connections) if self.meets(connection) and self.strikes())

    def _flows(self, connection: Connection) -> Any:
        return lambda stream: self.spec.match.takes_stream(stream) and connection.gets(stream)
