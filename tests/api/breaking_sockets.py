"""What a client of one AsyncAPI document would miss in another: a socket, a topic, a message, or what `breaking` misses within one."""

from collections.abc import Iterator

from .breaking import Schema, Side, Way, compared

Messages = dict[tuple[Way, str], Schema]


def breaks(old: Schema, new: Schema) -> list[str]:
    """What breaks for the clients of `old`, a line each."""
    now = {channel["address"]: name for name, channel in new["channels"].items()}
    lost = [f"{way} no longer takes a token" for way in sorted(_ways_in(old) - _ways_in(new))]
    gone = [f"{channel['address']}: gone" for channel in old["channels"].values() if channel["address"] not in now]
    kept = {name: channel["address"] for name, channel in old["channels"].items() if channel["address"] in now}
    return lost + gone + [f"{at}: {what}" for name, at in kept.items() for what in _of_messages(old, new, name, now[at])]


def _ways_in(document: Schema) -> set[str]:
    """The places of a request in which a token may be."""
    return {f"{each['type']} {each.get('name', each.get('scheme'))}" for each in document["components"]["securitySchemes"].values()}


def _of_messages(old: Schema, new: Schema, was: str, now: str) -> Iterator[str]:
    after = said(new, now)
    for key, message in said(old, was).items():
        way, word = key
        if key in after:
            yield from compared(Side(message["payload"], old), Side(after[key]["payload"], new), word, way)
        else:
            yield f"{way} {word} is gone"


def said(document: Schema, channel: str) -> Messages:
    """The messages of a channel by who sends them and the word that tells them apart."""
    found: Messages = {}
    for operation in document["operations"].values():
        if operation["channel"]["$ref"] == f"#/channels/{channel}":
            for way, each in _spoken(operation):
                message = Side(each, document).resolved()
                found[way, message["name"]] = message
    return found


def _spoken(operation: Schema) -> Iterator[tuple[Way, Schema]]:
    way: Way = "request" if operation["action"] == "receive" else "answer"
    yield from ((way, each) for each in operation["messages"])
    yield from (("answer", each) for each in operation.get("reply", {}).get("messages", ()))
