"""Cuts the text of a condition into numbers, words and marks, each with its place."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple
from unicodedata import category, name

from quantd.conditions.errors import WrongCondition

LONGEST = 2_000
"""Maximum number of characters of a condition."""
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<number>[-+]?(?:[0-9]+(?:\.(?!\.)[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?!\w)
    | (?P<word>\w+)
    | (?P<mark>>=|<=|==|!=|\.\.|[<>(),%])""",
    re.VERBOSE,
)
_MEANT = {"&&": "and", "&": "and", "||": "or", "|": "or", "=>": ">=", "=<": "<=", "≥": ">=", "≤": "<=", "<>": "!=", "≠": "!=", "=": "=="}
"""Marks of other languages, the longer ones first, and what stands for them here."""


class Token(NamedTuple):
    """A number, word or mark; the last token of a text is its end."""

    kind: Literal["number", "word", "mark", "end"]
    text: str
    begin: int

    @property
    def end(self) -> int:
        """The place after the token."""
        return self.begin + len(self.text)

    def __str__(self) -> str:
        return repr(self.text) if self.text else "the end"


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text. Raises WrongCondition.

    >>> [token.text for token in tokens("abs(z)>-2.5 and corr inside .5..1")]
    ['abs', '(', 'z', ')', '>', '-2.5', 'and', 'corr', 'inside', '.5', '..', '1', '']
    """
    if len(text) > LONGEST:
        raise WrongCondition(f"a condition has at most {LONGEST:,} characters, and this has {len(text):,}", 0, 1)
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        foreign = next((mark for mark in _MEANT if text.startswith(mark, at)), None)
        if foreign and (not match or match.end() < at + len(foreign)):
            raise WrongCondition(f"{foreign!r} has no meaning in a condition", at, at + len(foreign), _MEANT[foreign])
        if not match and text[at] in "+-*/":
            raise WrongCondition(f"a condition does not calculate: {text[at]!r} stands only before the digits of a number", at, at + 1)
        if not match:
            meant = "-" if category(text[at]) == "Pd" or text[at] == "\N{MINUS SIGN}" else None
            raise WrongCondition(f"{text[at]!a}, {name(text[at], 'a character')}, has no meaning in a condition", at, at + 1, meant)
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match[0], at)  # type: ignore[arg-type]
        at = match.end()
    yield Token("end", "", len(text))
