"""Matchers: which alerts a route, a silence, a mute window or an inhibition is about.

`severity=page, pair=~"BTC.*", rule!=drift` matches an alert if every part matches. A name is `severity`, `rule`, `pair`, `metric`, `value`
(of a metric that is a word) or a label; a label that the alert does not have is the empty text. `=~` and `!~` compare the whole text with a
pattern.
"""

import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Struct

from quantd.config.convert import Invalid
from quantd.config.shapes import parsed
from quantd.model import Alert

Comparison = Literal["=", "!=", "=~", "!~"]
_COMPARISONS: dict[str, Comparison] = {"=": "=", "==": "=", "!=": "!=", "=~": "=~", "!~": "!~"}
NAMES = ("severity", "rule", "pair", "metric", "value")
"""What every alert has."""
_LONGEST, _MOST = 1_000, 20
_LONGEST_PATTERN, _MOST_REPEATS = 200, 3
_LONGEST_COMPARED = 300
"""Letters of a text that a pattern is compared with: repeats take a time that grows with a power of them."""
_PART = re.compile(r"""\s*([A-Za-z_][\w.-]*)\s*(=~|!~|!=|==?)\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,"']+)\s*""", re.ASCII)
_JOINT = re.compile(r",\s*|and\s+")


class Matcher(Struct, frozen=True):
    """`name op value`."""

    name: str
    op: Comparison
    value: str

    def __str__(self) -> str:
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.name}{self.op}"{quoted}"'

    def matches(self, words: Mapping[str, str]) -> bool:
        """Return whether the words of an alert match."""
        text = words.get(self.name, "")
        if self.op in ("=", "!="):
            return (text == self.value) is (self.op == "=")
        return (_pattern(self.value).fullmatch(text[:_LONGEST_COMPARED]) is not None) is (self.op == "=~")


Matchers = tuple[Matcher, ...]


def as_matchers(text: str) -> Matchers:
    """Return the matchers that a text says, in braces or without. Raises Invalid, which names the column.

    >>> [str(each) for each in as_matchers('severity=page, pair=~"BTC.*"')]
    ['severity="page"', 'pair=~"BTC.*"']
    """
    if len(text) > _LONGEST:
        raise Invalid(f"has more than {_LONGEST} letters")
    inside = text.strip()
    start = len(text) - len(text.lstrip())
    if inside.startswith("{") and inside.endswith("}"):
        inside, start = inside[1:-1], start + 1
    return _parts(inside, start)


def _parts(text: str, start: int) -> Matchers:
    found: list[Matcher] = []
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise _mistake(text[at:], start + at)
        found.append(_matcher(part, start))
        at = part.end()
        if at < len(text):
            joint = _JOINT.match(text, at)
            if joint is None or joint.end() == len(text):
                raise Invalid(f"at column {start + at + 1}: expected `,` and another matcher, found {text[at:].strip()[:40]!r}")
            at = joint.end()
    if not found:
        raise Invalid("is empty: write it like `severity=page`; `rule=~.*` matches every alert")
    if len(found) > _MOST:
        raise Invalid(f"has more than {_MOST} matchers")
    return tuple(found)


def _matcher(part: re.Match[str], start: int) -> Matcher:
    name, written = part[1], part[3]
    op: Comparison = _COMPARISONS[part[2]]
    value = re.sub(r"\\(.)", r"\1", written[1:-1]) if written[0] == '"' else written[1:-1] if written[0] == "'" else written
    made = Matcher(name, op, value)
    if op in ("=~", "!~"):
        try:
            _demand_quick(value)
            _pattern(value)
        except (ValueError, re.error, OverflowError, RecursionError) as error:
            raise Invalid(f"at column {start + part.start(3) + 1}: the pattern {value!r} {_why(error)}") from None
    return made


def _why(error: Exception) -> str:
    return f"cannot be read: {error}" if isinstance(error, re.error | OverflowError | RecursionError) else str(error)


def _mistake(text: str, at: int) -> Invalid:
    """Return what is wrong with a text that does not begin with a matcher."""
    found = text.strip()
    at += len(text) - len(text.lstrip())
    message = f"at column {at + 1}: expected a matcher like `severity=page`, found {found[:40]!r}"
    named = re.match(r"([A-Za-z_]\w*)\s*([<>:~]|is\b)\s*(\w+)", found, re.ASCII)
    return Invalid(message, f"{named[1]}={named[3]}" if named else None)


def _demand_quick(pattern: str) -> None:
    """Raise ValueError for a pattern that might take long: a caller must not be able to hold up everybody with one."""
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"has more than {_LONGEST_PATTERN} letters")
    bare = re.sub(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", "x", re.sub(r"\\[^0-9]", "x", pattern))
    if re.search(r"\\[0-9]|\(\?(?!:)", bare):
        raise ValueError("refers back or looks around, which matchers do not")
    if re.search(r"\)[*+?{]", bare):
        raise ValueError("repeats a group: repeat single letters, like `.*`, or write the choices out, like `BTC|ETH`")
    if len(re.findall(r"[*+{]|(?<!\()\?", bare)) > _MOST_REPEATS or bare.count("(") > _MOST_REPEATS:
        raise ValueError(f"has more than {_MOST_REPEATS} repeats or groups")


def can_be_named(name: str) -> bool:
    """Return whether a matcher can name a label."""
    return re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.ASCII) is not None


@lru_cache(maxsize=1_000)
def _pattern(text: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of brackets that a later Python may read otherwise
        return re.compile(text, re.ASCII)


def match(matchers: Matchers, words: Mapping[str, str]) -> bool:
    """Return whether all matchers match the words of an alert."""
    return all(each.matches(words) for each in matchers)


def words_of(alert: Alert) -> dict[str, str]:
    """Return what matchers compare: the labels of an alert, and the names of `NAMES`."""
    value = alert.value if isinstance(alert.value, str) else ""
    own = {"severity": alert.severity, "rule": alert.rule, "pair": alert.pair, "metric": alert.metric, "value": value}
    return {**alert.labels, **own}


def written(matchers: Matchers) -> str:
    """Return the text of matchers, which `as_matchers` reads back."""
    return ", ".join(map(str, matchers))


AS_MATCHERS = parsed(as_matchers, {"examples": ["severity=page"]})
Match = Annotated[Matchers, AS_MATCHERS]
"""Matchers as they stand in a config."""
