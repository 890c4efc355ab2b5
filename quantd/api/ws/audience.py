"""Groups the clients of the fan-out by the symbols that they want, so that what a group gets is selected and joined once for all of it."""

from collections.abc import Collection, Iterator, Mapping
from typing import Generic, TypeVar

Wanted = frozenset[str] | None
"""The symbols that a client wants; None for all."""
Member = TypeVar("Member")
Kind = TypeVar("Kind")
Item = TypeVar("Item")


class Group(Generic[Member]):
    """The clients that want the same symbols, in the order in which they began to."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.members: dict[Member, None] = {}


class Audience(Generic[Member]):
    """The clients, each in the group of what it wants. The work of a flush grows with what is sent, not with the number of clients."""

    def __init__(self) -> None:
        self._of: dict[Member, Group[Member]] = {}
        self._groups: dict[Wanted, Group[Member]] = {}
        self._naming: dict[str, dict[Group[Member], None]] = {}
        """The groups that name a symbol."""

    def __len__(self) -> int:
        return len(self._of)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._of)

    def __contains__(self, member: object) -> bool:
        return member in self._of

    def put(self, member: Member, wanted: Wanted) -> None:
        """Add a client that wants these symbols, or move it to their group."""
        group = self._groups.get(wanted)
        if group is None:
            group = self._groups[wanted] = Group(wanted)
            for symbol in wanted or ():
                self._naming.setdefault(symbol, {})[group] = None
        earlier = self._of.get(member)
        self._of[member] = group
        group.members[member] = None
        if earlier is not None and earlier is not group:
            self._take_out(member, earlier)

    def remove(self, member: Member) -> None:
        """Remove a client, if it is there."""
        group = self._of.pop(member, None)
        if group is not None:
            self._take_out(member, group)

    def wants(self, symbol: str) -> bool:
        """Return whether any client wants a symbol."""
        return None in self._groups or symbol in self._naming

    def shares(self, items: Mapping[tuple[Kind, str], Item]) -> list[tuple[Collection[Member], dict[tuple[Kind, str], Item]]]:
        """Return the clients of each group with the items that they want, in the order of `items`. The second part of a key is a symbol.
        A group that wants none of them comes with an empty share."""
        shares: dict[Group[Member], dict[tuple[Kind, str], Item]] = {group: {} for group in self._groups.values()}
        everything = self._groups.get(None)
        for key, item in items.items():
            for group in self._naming.get(key[1], ()):
                shares[group][key] = item
        if everything:
            shares[everything] = dict(items)
        return [(list(group.members), share) for group, share in shares.items()]

    def _take_out(self, member: Member, group: Group[Member]) -> None:
        del group.members[member]
        if group.members:
            return
        del self._groups[group.wanted]
        for symbol in group.wanted or ():
            naming = self._naming[symbol]
            del naming[group]
            if not naming:
                del self._naming[symbol]
