"""Requests of one answer, and recorded rows by the page."""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from quantd.client.connection import Address
from quantd.client.errors import ClientError, TooMany, Unreachable, of_status

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

Answer = TypeVar("Answer")
Row = TypeVar("Row")
TIMEOUT_S = 30.0


class Rest:
    """Asks the daemon over one HTTP session, which is made with the first request."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._made: ClientSession | None = None

    async def close(self) -> None:
        if self._made:
            await self._made.close()

    async def get(self, answer: type[Answer], path: str, **query: Any) -> Answer:
        """Return the answer of a GET. A query value of None is left out. Raises ClientError."""
        return self._read((await self._ask("GET", path, query))[0], answer)

    async def text(self, path: str, **query: Any) -> str:
        """Return the answer of a GET that is text. Raises ClientError."""
        return (await self._ask("GET", path, query))[0].decode()

    async def post(self, answer: type[Answer], path: str, body: Mapping[str, Any]) -> Answer:
        """Return the answer of a POST with a JSON body. Raises ClientError."""
        return self._read((await self._ask("POST", path, {}, msgspec.json.encode(body)))[0], answer)

    async def delete(self, path: str) -> None:
        """Delete what is at the path. Raises ClientError."""
        await self._ask("DELETE", path, {})

    async def page(self, row: type[Row], path: str, query: Mapping[str, Any]) -> tuple[list[Row], str | None]:
        """Return a page of rows, and the path of the next page, if there is one. Raises ClientError."""
        body, following = await self._ask("GET", path, query)
        return self._read(body, list[row]), following  # type: ignore[valid-type]

    async def pages(self, row: type[Row], path: str, **query: Any) -> AsyncIterator[Row]:
        """Yield the rows of a route that answers by page, from page to page. Raises ClientError."""
        rows, following = await self.page(row, path, query)
        while following:
            for each in rows:
                yield each
            rows, following = await self.page(row, following, {})
        for each in rows:
            yield each

    def _read(self, body: bytes, answer: type[Answer]) -> Answer:
        try:
            return msgspec.json.decode(body, type=answer)
        except msgspec.DecodeError as error:
            raise ClientError(f"{self.address.url} answers what this client does not understand: {error}") from None

    async def _ask(self, method: str, path: str, query: Mapping[str, Any], body: bytes | None = None) -> tuple[bytes, str | None]:
        """Return the body of an answer, and the path of the next page, if there is one."""
        from aiohttp import ClientError as Failed

        given = {name: str(value) for name, value in query.items() if value is not None}
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            async with self._session.request(method, self.address.url + path, params=given, data=body, headers=headers) as response:
                if response.status >= 400:
                    raise await _refusal(response, self.address.url + path)
                return await response.read(), self._following(response)
        except TimeoutError:
            raise Unreachable(f"{self.address.url} does not answer within {TIMEOUT_S:g} s") from None
        except (Failed, OSError) as error:
            from quantd.net.errors import cause

            raise Unreachable(f"{self.address.url} cannot be reached: {cause(error)}: is the daemon running?") from None

    def _following(self, response: "ClientResponse") -> str | None:
        """Return the path, below the daemon's address, and the query of the next page."""
        link = response.links.get("next")
        return link["url"].raw_path_qs.removeprefix(urlsplit(self.address.url).path) if link else None  # type: ignore[union-attr]

    @property
    def _session(self) -> "ClientSession":
        from aiohttp import ClientSession, ClientTimeout

        if self._made is None:
            self._made = ClientSession(headers=self.address.headers, timeout=ClientTimeout(TIMEOUT_S))
        return self._made


async def _refusal(response: "ClientResponse", where: str) -> Exception:
    try:
        detail = msgspec.json.decode(await response.read())["detail"]
        text = detail if isinstance(detail, str) else "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in detail)
    except (msgspec.DecodeError, KeyError, TypeError):
        text = response.reason or ""
    error = of_status(response.status, f"{response.status} {text}", where)
    if isinstance(error, TooMany) and (wait := response.headers.get("Retry-After", "")).isdigit():
        error.retry_after = float(wait)
    return error
