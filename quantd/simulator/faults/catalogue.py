"""All kinds of fault by name."""

import msgspec

from quantd.simulator.faults.answers import Ack
from quantd.simulator.faults.delivery import Delay, Drop, Duplicate, Reorder, ReplayOld
from quantd.simulator.faults.fault import Fault
from quantd.simulator.faults.lines import Cut24h, Disconnect, NoPing, PingStorm, Stall, Swizzle
from quantd.simulator.faults.market import ClockFault, Delist, EngineRestart, Flood, Halt, Maintenance, Prelisting, Unlisted
from quantd.simulator.faults.order import Order, OrderError
from quantd.simulator.faults.requests import RestLie, RestStall, RestStatus
from quantd.simulator.faults.spoiled import Corrupt, Garbage
from quantd.simulator.faults.upgrades import Refuse, SlowAccept

KINDS: dict[str, type[Fault]] = {
    "drop": Drop,
    "delay": Delay,
    "reorder": Reorder,
    "duplicate": Duplicate,
    "replay_old": ReplayOld,
    "corrupt": Corrupt,
    "garbage": Garbage,
    "disconnect": Disconnect,
    "cut24h": Cut24h,
    "stall": Stall,
    "ping_storm": PingStorm,
    "no_ping": NoPing,
    "swizzle": Swizzle,
    "ack": Ack,
    "rest_status": RestStatus,
    "rest_lie": RestLie,
    "refuse": Refuse,
    "slow_accept": SlowAccept,
    "maintenance": Maintenance,
    "halt": Halt,
    "delist": Delist,
    "list": Prelisting,
    "unlisted": Unlisted,
    "engine_restart": EngineRestart,
    "flood": Flood,
    "clock": ClockFault,
}


def fault_of(order: Order) -> Fault:
    """The fault that is ordered, its parameters checked. Raises OrderError."""
    kind = RestStall if order.kind == "stall" and order.params.get("mode") == "rest" else KINDS.get(order.kind)
    if kind is None:
        raise OrderError(f"no kind of fault is named '{order.kind}'; there are {', '.join(sorted(KINDS))}")
    try:
        return msgspec.convert(order.params, kind)
    except msgspec.ValidationError as error:
        raise OrderError(f"params of {order.kind}: {error}") from error
