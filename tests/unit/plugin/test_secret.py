"""Secrets in settings."""

from pathlib import Path

import pytest

import quantd


def test_a_file_is_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("first\n")
    assert quantd.secret_text({"file": str(path)}) == "first"
    path.write_text(" second \r\n")
    assert quantd.secret_text({"file": str(path)}) == " second "


@pytest.mark.parametrize(
    ("content", "told"), [(b"\xff", "is no text in UTF-8"), (b"\n", "is empty"), (None, "cannot be read: No such file")]
)
def test_what_cannot_be_read_is_told_by_its_file(content: bytes | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(quantd.QuantdError, match=told) as error:
        quantd.secret_text({"file": str(path)})
    assert str(path) in str(error.value)


def test_a_mapping_needs_a_file() -> None:
    with pytest.raises(quantd.QuantdError, match="a secret is a text or"):
        quantd.secret_text({})
