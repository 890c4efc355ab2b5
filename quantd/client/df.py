"""Rows as a data frame of pandas, which is imported when it is first needed."""

from collections.abc import Iterable
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from quantd.api.schema.kinds import Time
from quantd.client.items import Hole, Lagged

if TYPE_CHECKING:
    from pandas import DataFrame

_DTYPES: dict[Any, str] = {float: "float64", int: "int64", bool: "bool", str: "str"}
_NULLABLE: dict[Any, str] = {int: "Int64", bool: "boolean"}


def to_df(rows: Iterable[Any], row: type[Struct] | None = None) -> "DataFrame":
    """Return rows of one type as a data frame with a DatetimeIndex in UTC, named `ts`, if they have times. Holes and lags are left out.

    Numbers are float64 (NaN where unknown) and int64 (Int64 where they may be unknown), words of a fixed set categories, and other times
    datetimes in UTC. `row` is the type of the rows: it gives an empty list its columns. Metrics of points become columns of their own.
    """
    import pandas as pd

    kept = [each for each in rows if not isinstance(each, Hole | Lagged)]
    kind = row or (type(kept[0]) if kept else None)
    if kind is None:
        return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name="ts"))
    if wrong := next((each for each in kept if type(each) is not kind), None):
        raise TypeError(f"rows of one type are needed, not {kind.__name__} and {type(wrong).__name__}")
    hints = get_type_hints(kind, include_extras=True)
    names = [name for name in kind.__struct_fields__ if name not in ("ts", "metrics")]
    frame = pd.DataFrame({name: _column([getattr(each, name) for each in kept], hints[name]) for name in names})
    for name in sorted({name for each in kept for name in getattr(each, "metrics", ())}):
        frame[name] = [each.metrics.get(name) for each in kept]
    if "ts" not in hints:
        return frame
    frame.index = pd.DatetimeIndex(pd.to_datetime([each.ts for each in kept], utc=True).as_unit("ms"), name="ts")
    return frame


def _column(values: list[Any], hint: Any) -> Any:
    """Return a column with the dtype of a field's type."""
    import pandas as pd

    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    optional = type(None) in kinds
    kinds = tuple(_bare(each) for each in kinds if each is not type(None) and each != Time)
    if not kinds:
        return pd.Series(pd.to_datetime(pd.Series(values, dtype="object"), utc=True)).dt.as_unit("ms")
    if get_origin(kinds[0]) is Literal:
        return pd.Series(values, dtype=pd.CategoricalDtype(get_args(kinds[0])))
    if len(kinds) > 1 or kinds[0] not in _DTYPES:
        return pd.Series(values, dtype="object")
    dtype = _NULLABLE.get(kinds[0]) if optional else None
    return pd.Series(values, dtype=dtype or _DTYPES[kinds[0]])


def _bare(hint: Any) -> Any:
    """Return a type without its bounds."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint
