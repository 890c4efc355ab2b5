"""The section `heartbeat:`, and its check."""

from collections.abc import Collection
from typing import Annotated

from msgspec import Meta, Struct

from quantd.config.reader import Reader
from quantd.config.sections import Part
from quantd.errors import close_to


class HeartbeatSettings(Struct, frozen=True, kw_only=True):
    """The sinks that are told regularly that the daemon lives and its data are fresh."""

    send: Annotated[tuple[str, ...], Meta(description="Sinks that get a heartbeat; none: no heartbeat.")] = ()
    every: Annotated[str, Meta(pattern=r"^[1-9]\d*(s|m|h)$", description="How often.")] = "1m"


def check_heartbeat(reader: Reader, part: Part, sinks: Collection[str]) -> None:
    """Note each sink that does not exist."""
    for each in part.keys["send"].items if "send" in part.keys else ():
        if each.node is not None and isinstance(each.value, str) and each.value not in sinks:
            names = ", ".join(sinks) or "none"
            reader.wrong(each.node, each.path, f"no sink is named {each.value!r}; there is {names}", close_to(each.value, sinks))
