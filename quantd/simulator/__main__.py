"""The command line of the simulator."""

import argparse
import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path

from quantd.simulator.clock import Clock
from quantd.simulator.exchange import Exchange
from quantd.simulator.faults.spec import FaultSpecError
from quantd.simulator.faults.step_times import check
from quantd.simulator.listener import UNIX
from quantd.simulator.scenario import Scenario, ScenarioError, load
from quantd.simulator.server import serve
from quantd.simulator.trades import ORIGIN

PARENT_POLL_S = 0.25
EARLIEST_EPOCH = ORIGIN + 366 * 86_400_000  # the past needs room before it


def main() -> int:
    """Run the exchange. Return 0 after SIGTERM, SIGINT or the end of the scenario, 2 for a bad command line or scenario, 1 if it cannot
    continue."""
    options = _parser().parse_args()
    try:
        scenario = load(options.scenario).faster(options.rate)
        check(scenario.steps)
    except (ScenarioError, FaultSpecError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    code = 0
    try:
        asyncio.run(_run(options, scenario))
    except* OSError as group:
        print("simulator: cannot go on:", *group.exceptions, file=sys.stderr)
        code = 1
    return code


async def _run(options: argparse.Namespace, scenario: Scenario) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watch = asyncio.create_task(_follow_parent(stop)) if options.exit_with_parent else None
    exchange = Exchange(scenario, options.seed, Clock(options.epoch))
    await serve(exchange, options.ledger, {"ws": options.ws, "rest": options.rest, "ctl": options.ctl}, _say_ready, stop)
    if watch is not None:
        watch.cancel()


async def _follow_parent(stop: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 -- nothing tells of a parent's end, it must be looked at
        await asyncio.sleep(PARENT_POLL_S)
    stop.set()


def _say_ready(urls: dict[str, str]) -> None:
    print(json.dumps({"ready": True} | urls), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m quantd.simulator", description="A local Binance USDⓈ-M futures exchange.")
    parser.add_argument("--scenario", default="demo", help="a built-in scenario or a YAML file (default: demo)")
    parser.add_argument(
        "--seed", type=int, default=1, help="chooses the market and what faults draw; equal seeds and times give equal trades (default: 1)"
    )
    parser.add_argument("--ledger", type=Path, required=True, metavar="DIR", help="where <SYMBOL>.csv records every live trade")
    parser.add_argument("--rate", type=_positive, default=1.0, metavar="X", help="multiplies the rate of trades (default: 1)")
    parser.add_argument("--epoch", type=_epoch, metavar="MS", help="time at the start, in ms since 1970 (default: the wall clock)")
    for name, text in (("ws", "WebSocket"), ("rest", "REST"), ("ctl", "control")):
        parser.add_argument(
            f"--{name}", type=_address, default="127.0.0.1:0", metavar="ADDRESS", help=f"{text} listener: host:port or unix:path"
        )
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when the process that started this one is gone")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _epoch(text: str) -> int:
    value = int(text)
    if not EARLIEST_EPOCH <= value < 2 * EARLIEST_EPOCH:
        raise argparse.ArgumentTypeError(f"must be milliseconds since 1970, from {EARLIEST_EPOCH} on")
    return value


def _address(text: str) -> str:
    if not text.startswith(UNIX) and not re.fullmatch(r"[^:]+:\d{1,5}", text):
        raise argparse.ArgumentTypeError("must be host:port or unix:path")
    return text


if __name__ == "__main__":
    sys.exit(main())
