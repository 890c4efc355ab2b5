"""Reads conditions."""

import re

from quantd.conditions.model import Compare, Condition, Term

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FORM = re.compile(rf"(?a)\s*(?:(abs)\s*\(\s*([A-Za-z]\w*)\s*\)|([A-Za-z]\w*))\s*(>=|<=|==|!=|>|<)\s*(?:({_NUMBER})|([A-Za-z]\w*))\s*")


def parse_condition(text: str) -> Condition:
    """Return the condition that a text states. Raises ValueError.

    >>> str(parse_condition("abs(zscore)>2.0"))
    'abs(zscore) > 2'
    """
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a condition: write it like `abs(zscore) > 2`, `corr < 0.5` or `health == broken`")
    absolute, inner, plain, op, number, name = match.groups()
    if name and (absolute or op not in ("==", "!=")):
        raise ValueError(f"{text!r} compares with a name: write it like `health == broken` or `health != healthy`")
    return Compare(Term(inner or plain, absolute=bool(absolute)), op, name or float(number))  # type: ignore[arg-type]
