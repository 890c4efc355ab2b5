"""Checks the symbols of the config against those that the venues of its feeds list, before anything is started."""

import asyncio
from collections.abc import Collection

from msgspec import Struct

from quantd.config.load import Loaded
from quantd.errors import Mistake, QuantdError
from quantd.plugin.base import Feed
from quantd.plugin.blame import blame


class Online(Struct, frozen=True):
    """The result: the symbols that their feed does not list, the number of symbols that each feed lists, and why a feed could not be
    asked."""

    mistakes: list[Mistake]
    listed: dict[str, int]
    faults: list[str]


async def ask(loaded: Loaded, patience: float) -> Online:
    """Ask all feeds whose symbols the config names at the same time, for `patience` seconds at most."""
    names = list(dict.fromkeys(each.feed for each in loaded.named))
    answers = await asyncio.gather(*(_ask(name, loaded.config.feeds[name], patience) for name in names))
    listed = {name: answer for name, answer in zip(names, answers, strict=True) if not isinstance(answer, str)}
    return Online(
        mistakes=[
            each.mistake(f"{each.feed} does not list {each.symbol}", listed[each.feed])
            for each in loaded.named
            if listed.get(each.feed) and each.symbol not in listed[each.feed]
        ],
        listed={name: len(symbols) for name, symbols in listed.items()},
        faults=[answer for answer in answers if isinstance(answer, str)],
    )


async def _ask(name: str, feed: Feed, patience: float) -> Collection[str] | str:
    """Return the symbols that the feed lists, or why it could not be asked."""
    try:
        async with asyncio.timeout(patience):
            return frozenset(await feed.fetch_symbols())
    except TimeoutError:
        return f"{name} did not tell within {patience:g} s what it lists"
    except QuantdError as error:
        return str(error)
    except Exception as error:  # a feed's plugin may raise anything
        return f"{name} cannot tell what it lists: {blame(error)}"
    finally:
        await feed.close()
