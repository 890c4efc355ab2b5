"""All kinds of fault, by name."""

import msgspec

from quantd.simulator.faults.answers import Ack
from quantd.simulator.faults.connections import Cut24h, Disconnect, NoPing, PingStorm, Stall, Swizzle
from quantd.simulator.faults.delivery import Delay, Drop, Duplicate, Reorder, ReplayOld
from quantd.simulator.faults.fault import Fault
from quantd.simulator.faults.market import ClockFault, Delist, EngineRestart, Flood, Halt, Maintenance, Prelisting, Unlisted
from quantd.simulator.faults.requests import RestLie, RestStall, RestStatus
from quantd.simulator.faults.spec import FaultSpec, FaultSpecError
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


def fault_of(spec: FaultSpec) -> Fault:
    """Return the fault that a specification asks for, with checked parameters. Raises FaultSpecError."""
    kind = RestStall if spec.kind == "stall" and spec.params.get("mode") == "rest" else KINDS.get(spec.kind)
    if kind is None:
        raise FaultSpecError(f"no kind of fault is named '{spec.kind}'; there are {', '.join(sorted(KINDS))}")
    try:
        return msgspec.convert(spec.params, kind)
    except msgspec.ValidationError as error:
        raise FaultSpecError(f"params of {spec.kind}: {error}") from error
