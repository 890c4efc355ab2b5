"""The query of a REST request, and the error bodies of invalid ones."""

import json
from collections.abc import Mapping

from aiohttp import web

JSON = "application/json;charset=UTF-8"
DIGITS = 20


class RestError(Exception):
    """An error that becomes `{"code":code,"msg":message}` with this HTTP status. `retry_after` is in seconds."""

    def __init__(self, code: int, message: str, status: int = 400, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after

    def response(self) -> web.Response:
        body = json.dumps({"code": self.code, "msg": self.message}, separators=(",", ":")).encode()
        headers = {"Content-Type": JSON} | ({} if self.retry_after is None else {"Retry-After": str(self.retry_after)})
        return web.Response(body=body, status=self.status, headers=headers)


class Query:
    """Typed access to parameters. Every failure raises the exchange's own error."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def has(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        value = self._values.get(name, "")
        if not value:
            raise RestError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def integer(self, name: str) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= DIGITS):
            raise RestError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,{DIGITS}}}$'.")
        return int(value)

    def limit(self, default: int, most: int) -> int:
        value = self.integer("limit")
        if value == 0:
            raise RestError(-1130, "Data sent for parameter 'limit' is not valid.")
        return default if value is None else min(value, most)

    def times(self) -> tuple[int | None, int | None]:
        """Return startTime and endTime."""
        start, end = self.integer("startTime"), self.integer("endTime")
        if start is not None and end is not None and start > end:
            raise RestError(-1023, "Start time is greater than end time.")
        return start, end
