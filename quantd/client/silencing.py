"""The requests of a client about alerts that fire: silences and acknowledgements."""

from typing import TYPE_CHECKING
from urllib.parse import quote

from quantd.client.rest import Rest
from quantd.client.stamps import stamp

if TYPE_CHECKING:
    from quantd.api.schema.silences import FiringRow, SilenceRow
    from quantd.client.stamps import When


class Silencing:
    """Requests about what fires. Those that change anything need the scope write. Each raises ClientError, as all requests do."""

    _rest: Rest

    async def firings(self) -> "list[FiringRow]":
        """Return the alerts that fire now, oldest first, with what mutes them and who knows of them."""
        from quantd.api.schema.silences import FiringRow

        return await self._rest.get(list[FiringRow], "/api/v1/firings")

    async def silences(self) -> "list[SilenceRow]":
        """Return the silences, with what they mute now."""
        from quantd.api.schema.silences import SilenceRow

        return await self._rest.get(list[SilenceRow], "/api/v1/silences")

    async def silence(
        self,
        match: str,
        lasts: str | None = None,
        until: "When | None" = None,
        *,
        until_resolved: bool = False,
        comment: str = "",
        by: str = "",
        dry: bool = False,
    ) -> "SilenceRow":
        """Mute what matches, such as `severity=page`, for a length of time such as `2h`, until a time, or until what matches now has
        resolved. With `dry`, only show what it would mute."""
        from quantd.api.schema.silences import SilenceRow

        body = {"match": match, "for": lasts, "until": None if until is None else stamp(until), "until_resolved": until_resolved}
        return await self._rest.post(SilenceRow, "/api/v1/silences", body | {"comment": comment, "by": by, "dry": dry})

    async def unsilence(self, silence_id: str) -> None:
        """End a silence. What it muted and still fires is told."""
        await self._rest.delete(f"/api/v1/silences/{quote(silence_id, safe='')}")

    async def acknowledge(self, firing_id: str, lasts: str = "1h", by: str = "", comment: str = "") -> "FiringRow":
        """Acknowledge a firing, by its id or that of its rule: nobody is reminded of it for so long."""
        from quantd.api.schema.silences import FiringRow

        return await self._rest.post(FiringRow, _ack(firing_id), {"for": lasts, "by": by, "comment": comment})

    async def unacknowledge(self, firing_id: str) -> None:
        """End an acknowledgement: reminders go on."""
        await self._rest.delete(_ack(firing_id))


def _ack(firing_id: str) -> str:
    return f"/alerts/{quote(firing_id, safe='')}/ack"
