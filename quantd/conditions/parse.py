"""Reads conditions, by recursive descent.

condition = all { "or" all }
all       = part { "and" part }
part      = "(" condition ")" | clause
clause    = term ( op number | ("==" | "!=") word | "crosses" ("above" | "below") number | ("inside" | "outside") number ".." number )
term      = "abs" "(" moved ")" | moved
moved     = "move" "(" metric "," bars ")" | metric
metric    = word [ "of" ("y" | "x" | symbol) ]
number    = digits [ "%" ]           a percent sign only if the term is a move
"""

from collections.abc import Callable, Sequence
from math import isfinite

from msgspec import Struct

from quantd.conditions.errors import WrongCondition
from quantd.conditions.model import All, Channel, Clause, Compare, Condition, Cross, Either, Term
from quantd.conditions.tokens import Token, tokens
from quantd.errors import close_to

OPERATORS = (">", "<", ">=", "<=", "==", "!=")
DEEPEST = 20
"""Maximum number of parentheses within one another."""
MOST_CLAUSES = 50
MOST_BARS = 10_000
"""Maximum length of a move, in bars."""
_RELATIONS = (*OPERATORS, "crosses", "inside", "outside")
_RESERVED = frozenset({"and", "or", "of", "crosses", "inside", "outside"})
_MEANT = {"within": "inside", "between": "inside", "is": "==", "equals": "==", "above": ">", "over": ">", "below": "<", "under": "<"}
_FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
_LIKE = "`abs(zscore) > 2`, `corr < 0.5` or `health == broken`"


class Span(Struct, frozen=True):
    """The place of words in a text: from `begin` up to, and not including, `end`, counted from 0."""

    begin: int
    end: int


class Places(Struct, frozen=True):
    """Where a clause, the metric of its term, the leg or symbol after `of`, the relation and the value or channel stand in the text."""

    clause: Span
    metric: Span
    of: Span | None
    relation: Span
    value: Span


class Parsed(Struct, frozen=True):
    """A condition, and the places of its clauses, in the order of `clauses`."""

    condition: Condition
    places: tuple[Places, ...]


def parse_condition(text: str) -> Condition:
    """Return the condition that a text states. Raises WrongCondition, which is a ValueError.

    >>> str(parse_condition("abs(zscore)>2.0 and (volume of y > 5 or move(price of x, 3) < -1%)"))
    'abs(zscore) > 2 and (volume of y > 5 or move(price of x, 3) < -1)'
    """
    return located(text).condition


def located(text: str) -> Parsed:
    """Return the condition that a text states, with the places of its words. Raises WrongCondition."""
    parser = _Parser(tokens(text))
    return Parsed(parser.whole(), tuple(parser.places))


class _Parser:
    def __init__(self, found: Sequence[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0
        self.places: list[Places] = []

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> Token | None:
        """Return the current token and go on, if it is one of these."""
        token = self._now
        if token.text not in texts:
            return None
        self._at += 1
        return token

    def _demand(self, text: str, why: str) -> Token:
        return self._take(text) or self._fail(f"found {self._now}, expected {text} {why}")

    def _fail(self, message: str, suggestion: str | None = None, token: Token | None = None) -> Token:
        token = token or self._now
        raise WrongCondition(message, token.begin, token.end, suggestion)

    def whole(self) -> Condition:
        """Return the condition of the whole text."""
        if self._now.kind == "end":
            self._fail(f"expected a condition, like {_LIKE}")
        condition = self._either()
        if self._now.kind != "end":
            self._after_clause()
        return condition

    def _after_clause(self) -> None:
        token = self._now
        if token.text == ")":
            self._fail("no parenthesis is open here")
        if token.text in _RELATIONS:
            self._fail("a clause compares once: write a range like `zscore inside 1..2`, or join two clauses by `and`")
        meant = close_to(token.text, ["and", "or"]) if token.kind == "word" else None
        self._fail(f"expected `and`, `or` or the end, found {token}", meant)

    def _either(self) -> Condition:
        return self._joined("or", self._all, Either)

    def _all(self) -> Condition:
        return self._joined("and", self._part, All)

    def _joined(self, word: str, read: Callable[[], Condition], kind: type[All] | type[Either]) -> Condition:
        """Return the parts that the word joins; a part that is joined by the same word belongs to them with its own parts."""
        parts = [read()]
        while self._take(word):
            parts.append(read())
        if len(parts) == 1:
            return parts[0]
        return kind(tuple(each for part in parts for each in (part.parts if isinstance(part, kind) else (part,))))

    def _part(self) -> Condition:
        opened = self._take("(")
        if not opened:
            return self._clause()
        self._depth += 1
        if self._depth > DEEPEST:
            self._fail(f"more than {DEEPEST} parentheses within one another", token=opened)
        condition = self._either()
        self._demand(")", f"for the parenthesis at column {opened.begin + 1}")
        self._depth -= 1
        return condition

    def _clause(self) -> Clause:
        begin = self._now.begin
        if len(self.places) >= MOST_CLAUSES:
            self._fail(f"more than {MOST_CLAUSES} clauses")
        term, metric, of = self._term()
        relation = self._relation()
        after = self._now
        clause = self._related(term, relation)
        last = self._tokens[self._at - 1]
        start = after.begin if relation.text != "crosses" else self._tokens[self._at - 1 - (last.text == "%")].begin
        spans = Span(begin, last.end), metric, of, Span(relation.begin, relation.end), Span(start, last.end)
        self.places.append(Places(*spans))
        return clause

    def _term(self) -> tuple[Term, Span, Span | None]:
        function = self._now.text if self._tokens[min(self._at + 1, len(self._tokens) - 1)].text == "(" else ""
        if function not in ("abs", "move"):
            return self._metric()
        outer = self._take("abs", "move")
        self._demand("(", "after the function's name")
        if function == "abs":
            if self._now.text == "abs":
                self._fail("the absolute value of an absolute value is that value: write `abs` once")
            term, metric, of = self._term()
            term = Term(term.metric, term.of, term.bars, absolute=True)
        else:
            term, metric, of = self._metric()
            self._demand(",", "and a number of bars, as in `move(price, 5)`; in YAML put a condition with a comma into quotes")
            term = Term(term.metric, term.of, self._bars())
        self._demand(")", f"for the parenthesis after {outer.text if outer else ''}")
        return term, metric, of

    def _bars(self) -> int:
        token = self._now
        if token.kind != "number" or not token.text.isdigit() or not 1 <= int(token.text[:9]) <= MOST_BARS:
            self._fail(f"expected a number of bars from 1 to {MOST_BARS:,}, found {token}")
        self._at += 1
        return int(token.text)

    def _metric(self) -> tuple[Term, Span, Span | None]:
        token = self._now
        if token.kind != "word" or token.text in _RESERVED:
            self._no_metric()
        self._at += 1
        if self._now.text == "(":
            self._no_function(token)
        span = Span(token.begin, token.end)
        if not self._take("of"):
            return Term(token.text), span, None
        leg = self._now
        if leg.kind != "word" or leg.text in _RESERVED:
            self._fail(f"expected y, x or a symbol after `of`, found {leg}")
        self._at += 1
        name = leg.text.lower() if leg.text in ("X", "Y") else leg.text if leg.text in ("x", "y") else leg.text.upper()
        return Term(token.text, name), span, Span(leg.begin, leg.end)

    def _no_function(self, token: Token) -> None:
        if token.text.lower() == "not":
            self._fail("there is no `not`: turn the comparison round, as `<=` for `>`", token=token)
        inside_move = self._at >= 3 and [each.text for each in self._tokens[self._at - 3 : self._at - 1]] == ["move", "("]
        if token.text == "abs" and inside_move:
            self._fail("the absolute value of a move is written `abs(move(...))`", token=token)
        if token.text == "move" and inside_move:
            self._fail("a move of a move is not known: write one move over more bars", token=token)
        self._fail(f"there is no function {token.text!r}: there is abs and move", close_to(token.text, ["abs", "move"]), token)

    def _no_metric(self) -> None:
        token, following = self._now, self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        if token.kind == "number" and following.text in _FLIPPED:
            self._fail(f"the metric stands first: write it like `zscore {_FLIPPED[following.text]} {token.text}`")
        self._fail(f"expected a metric, found {token}: a condition is like {_LIKE}")

    def _relation(self) -> Token:
        token = self._now
        if found := self._take(*_RELATIONS):
            return found
        word = token.text.lower()
        if self._tokens[self._at - 1].text.lower() == "not":
            self._no_function(self._tokens[self._at - 1])
        if word == "of":
            return self._fail("`of` stands within the parentheses, after the metric")
        meant = _MEANT.get(word) or (close_to(word, _RELATIONS) if token.kind == "word" else None)
        return self._fail(f"expected {', '.join(OPERATORS)}, crosses, inside or outside, found {token}", meant)

    def _related(self, term: Term, relation: Token) -> Clause:
        if relation.text == "crosses":
            side = self._take("above", "below")
            if not side:
                side = self._fail(f"expected above or below after `crosses`, found {self._now}", _side_meant(self._now.text))
            return Cross(term, side.text, self._number(term, f"after `crosses {side.text}`"))  # type: ignore[arg-type]
        if relation.text in ("inside", "outside"):
            low = self._number(term, f"after `{relation.text}`")
            self._demand("..", f"between the ends, as in `{relation.text} -1..1`")
            return Channel(term, relation.text, low, self._number(term, "after `..`"))  # type: ignore[arg-type]
        return self._compared(term, relation)

    def _compared(self, term: Term, relation: Token) -> Compare:
        token = self._now
        if token.kind != "word" or token.text in _RESERVED:
            return Compare(term, relation.text, self._number(term, f"after `{relation.text}`"))  # type: ignore[arg-type]
        if relation.text not in ("==", "!="):
            self._fail(f"expected a number after `{relation.text}`, found {token}; a word is compared by == or !=")
        if term.absolute or term.bars:
            self._fail(f"{term} is a number: expected a number, found {token}")
        self._at += 1
        return Compare(term, relation.text, token.text)  # type: ignore[arg-type]

    def _number(self, term: Term, where: str) -> float:
        token = self._now
        if token.kind != "number":
            self._fail(f"expected a number {where}, found {token}")
        if not isfinite(value := float(token.text)):
            self._fail(f"{token.text} is too large: give a finite number")
        self._at += 1
        percent = self._take("%")
        if percent and not term.bars:
            self._fail("only a move is a percentage, as in `move(price, 5) > 3%`", token=percent)
        return value


def _side_meant(word: str) -> str | None:
    others = {"up": "above", "over": "above", "down": "below", "under": "below", ">": "above", "<": "below"}
    return others.get(word.lower()) or close_to(word, ["above", "below"])
