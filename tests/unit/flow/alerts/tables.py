"""A table of kept values that a test looks into."""


class MemoryTable(dict[str, bytes]):
    """What is kept, and the keys in the order in which they were written."""

    def __init__(self, *args: dict[str, bytes]) -> None:
        super().__init__(*args)
        self.written: list[str] = []

    def all(self) -> dict[str, bytes]:
        return dict(self)

    def put(self, key: str, value: bytes) -> None:
        self[key] = value
        self.written.append(key)

    def delete(self, key: str) -> None:
        self.pop(key, None)
        self.written.append(key)
