"""Numbers in CSV are those of the exchange."""

from hypothesis import given
from hypothesis import strategies as st

from quantd.history.csv_lines import decimal


@given(value=st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_a_decimal_reads_back_and_has_no_exponent(value: float) -> None:
    text = decimal(value)
    assert float(text) == value
    assert set(text) <= set("0123456789.")
    assert not text.endswith(".")
    assert not ("." in text and text.endswith("0"))


@given(units=st.integers(1, 10**12), places=st.integers(0, 8))
def test_a_decimal_of_the_exchange_comes_back(units: int, places: int) -> None:
    whole = str(units).rjust(places + 1, "0")
    wire = f"{whole[:-places]}.{whole[-places:]}".rstrip("0").rstrip(".") if places else whole
    assert decimal(float(wire)) == wire
