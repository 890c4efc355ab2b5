"""What a client of one document would miss in another: a path, a parameter, a field or a value that is gone or newly asked for.

A request may be read more generously than before, and an answer may have more fields; the other way round is a break.
"""

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

Schema = dict[str, Any]
Way = Literal["request", "answer"]
_LEAST, _MOST = ("minimum", "exclusiveMinimum", "minLength", "minItems"), ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


class Side(Struct, frozen=True):
    """A schema, and the document to which its references lead."""

    schema: Schema
    document: Schema

    def resolved(self) -> Schema:
        made = self.schema
        while "$ref" in made:
            found: Any = self.document
            for key in made["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            made = found
        return made

    def inside(self, schema: Schema) -> "Side":
        return Side(schema, self.document)

    def choices(self) -> dict[str, "Side"]:
        """The alternatives of a schema by their kinds: its JSON type, and, of several structs, which of them it is."""
        schema = self.resolved()
        sides = [choice for each in schema["anyOf"] for choice in self.inside(each).choices().values()] if "anyOf" in schema else [self]
        found = [each.resolved() for each in sides]
        several = sum(_kind(each) == "object" for each in found) > 1
        names = [f"object {each.get('title')}" if several and _kind(each) == "object" else _kind(each) for each in found]
        return dict(zip(names, sides, strict=True))


def _kind(schema: Schema) -> str:
    if "type" in schema:
        return str(schema["type"])
    known = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return known[type(schema["enum"][0])] if "enum" in schema else "any"


def breaks(old: Schema, new: Schema) -> list[str]:
    """What breaks for the clients of `old`, a line each."""
    return [f"{method.upper()} {path}: {what}" for path, method in _operations(old) for what in _of_operation(old, new, path, method)]


def _operations(document: Schema) -> Iterator[tuple[str, str]]:
    return ((path, method) for path, methods in document["paths"].items() for method in methods)


def _of_operation(old: Schema, new: Schema, path: str, method: str) -> Iterator[str]:
    if method not in new["paths"].get(path, {}):
        yield "gone"
        return
    was, now = old["paths"][path][method], new["paths"][path][method]
    if was["operationId"] != now["operationId"]:
        yield f"its name was {was['operationId']}"
    if _rights(now) - _rights(was):
        yield f"asks for more rights: {', '.join(sorted(_rights(now) - _rights(was)))}"
    yield from _of_parameters(old, new, was, now)
    yield from _of_contents(old, new, was.get("requestBody"), now.get("requestBody"), "request")
    for status in (each for each in was["responses"] if each < "300"):
        yield from _of_contents(old, new, was["responses"][status], now["responses"].get(status), "answer")


def _rights(operation: Schema) -> set[str]:
    needed = [set(each.get("bearer", ())) for each in operation["security"]]
    return set.union(*needed) | ({"a token"} if all(needed) else set()) if needed else set()


def _of_parameters(old: Schema, new: Schema, was: Schema, now: Schema) -> Iterator[str]:
    before, after = ({(each["in"], each["name"]): each for each in side["parameters"]} for side in (was, now))
    for place, name in before.keys() - after.keys():
        yield f"{place} parameter {name} is gone"
    for key, each in after.items():
        if each["required"] and not before.get(key, {}).get("required"):
            yield f"{key[0]} parameter {key[1]} is now required"
        if key in before:
            yield from compared(Side(before[key]["schema"], old), Side(each["schema"], new), key[1], "request")


def _of_contents(old: Schema, new: Schema, was: Schema | None, now: Schema | None, way: Way) -> Iterator[str]:
    if was is None:
        if now and now.get("required") and way == "request":
            yield "a body is now required"
        return
    for kind, content in was.get("content", {}).items():
        if now is None or kind not in now.get("content", {}):
            yield f"{way} {kind} is gone"
        else:
            yield from compared(Side(content["schema"], old), Side(now["content"][kind]["schema"], new), way, way)


def compared(old: Side, new: Side, where: str, way: Way) -> Iterator[str]:
    """What breaks between two schemas of the same thing."""
    before, after = old.choices(), new.choices()
    if way == "request":
        yield from (f"{where} can no longer be {kind}" for kind in before.keys() - after.keys() if not _covers(after, kind))
    else:
        yield from (f"{where} may now be {kind}" for kind in after.keys() - before.keys() if not _covers(before, kind))
    for kind in before.keys() & after.keys():
        yield from _of_kind(before[kind], after[kind], where, way)


def _covers(kinds: dict[str, Side], kind: str) -> bool:
    return "any" in kinds or (kind == "integer" and "number" in kinds)


def _of_kind(old: Side, new: Side, where: str, way: Way) -> Iterator[str]:
    was, now = old.resolved(), new.resolved()
    if "enum" in was and (lost := set(was["enum"]) - set(now.get("enum", was["enum"]))):
        yield f"{where} has lost {', '.join(map(str, sorted(lost)))}"
    if way == "request" and _narrower(was, now):
        yield f"{where} is narrower"
    before, after = _elements(was), _elements(now)
    for place in before.keys() & after.keys():
        yield from compared(old.inside(before[place]), new.inside(after[place]), f"{where}{place}", way)
    if isinstance(was.get("additionalProperties"), dict) and isinstance(now.get("additionalProperties"), dict):
        yield from compared(old.inside(was["additionalProperties"]), new.inside(now["additionalProperties"]), f"{where}.*", way)
    yield from _of_fields(old, new, where, way)


def _elements(schema: Schema) -> dict[str, Schema]:
    """The schemas of the elements of an array: of all of them, or, of a tuple, of each."""
    items = schema.get("prefixItems", schema.get("items", []))
    return {f"[{number}]": each for number, each in enumerate(items)} if isinstance(items, list) else {"[]": items}


def _narrower(was: Schema, now: Schema) -> bool:
    least = any(now[key] > was.get(key, float("-inf")) for key in _LEAST if key in now)
    most = any(now[key] < was.get(key, float("inf")) for key in _MOST if key in now)
    other = any(key in now and now[key] != was.get(key) for key in ("pattern", "format"))
    return least or most or other or ("enum" in now and "enum" not in was)


def _of_fields(old: Side, new: Side, where: str, way: Way) -> Iterator[str]:
    was, now = old.resolved(), new.resolved()
    before, after = was.get("properties", {}), now.get("properties", {})
    always, demanded = set(was.get("required", ())), set(now.get("required", ()))
    yield from (f"{where}.{name} is gone" for name in before.keys() - after.keys())
    if way == "request":
        yield from (f"{where}.{name} is now required" for name in sorted(demanded - always))
    else:
        yield from (f"{where}.{name} is no longer always there" for name in sorted((always - demanded) & after.keys()))
    for name in before.keys() & after.keys():
        yield from compared(old.inside(before[name]), new.inside(after[name]), f"{where}.{name}", way)
