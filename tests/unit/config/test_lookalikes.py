"""Letters that look like others are told by their names; scripts of their own are left alone."""

import unicodedata
from pathlib import Path

import pytest

from quantd.config.load import load
from quantd.config.lookalikes import is_dash, oddities, plain
from quantd.config.texts import as_legs, as_symbol
from quantd.errors import ConfigError

CYRILLIC = "\u0412\u0422\u0421USDT"
CASES = [
    (CYRILLIC, "letter 1 is CYRILLIC CAPITAL LETTER VE, which looks like B", "BTCUSDT"),
    ("\u0432\u0442\u0441usdt", "letter 1 is CYRILLIC SMALL LETTER VE, which looks like B", "BTCUSDT"),
    ("BTCUSD\u03a4", "letter 7 is GREEK CAPITAL LETTER TAU, which looks like T", "BTCUSDT"),
    ("\uff22\uff34\uff23USDT", "letter 1 is FULLWIDTH LATIN CAPITAL LETTER B, which looks like B", "BTCUSDT"),
    ("\U0001d401TC", "letter 1 is MATHEMATICAL BOLD CAPITAL B, which looks like B", "BTC"),
    ("1000\uff10", "letter 5 is FULLWIDTH DIGIT ZERO, which looks like 0", "10000"),
    ("1000\u0660", "letter 5 is ARABIC-INDIC DIGIT ZERO, which looks like 0", "10000"),
    ("\u212aAVA", "letter 1 is KELVIN SIGN, which looks like K", "KAVA"),
    ("B\u0131T", "letter 2 is LATIN SMALL LETTER DOTLESS I, which looks like I", "BIT"),
    ("BTC\u200bUSDT", "letter 4 is ZERO WIDTH SPACE, which cannot be seen: take it out", "BTCUSDT"),
    ("BTC\u2060USDT", "letter 4 is WORD JOINER, which cannot be seen", "BTCUSDT"),
    ("\ufeffBTC", "letter 1 is ZERO WIDTH NO-BREAK SPACE, which cannot be seen", "BTC"),
    ("BTC\u202eUSDT", "letter 4 is RIGHT-TO-LEFT OVERRIDE, which cannot be seen", "BTCUSDT"),
    ("BTC\u00a0", "letter 4 is NO-BREAK SPACE, which cannot be seen", "BTC"),
    ("BTC\u3164", "letter 4 is HANGUL FILLER, which cannot be seen", "BTC"),
    ("BTC\ufe0f", "letter 4 is VARIATION SELECTOR-16, which cannot be seen", "BTC"),
]
FINE = [
    *("BTCUSDT", "btcusdt_260327", "1000PEPEUSDT", "\u00d8X", "\u03a3USDT"),
    *("\u5e01\u5b89\u4eba\u751fUSDT", "\u4e00USDT", "\u0420\u0423\u0411\u041b\u042cUSDT"),
]


@pytest.mark.parametrize(("text", "message", "meant"), CASES)
def test_what_looks_like_another_is_named(text: str, message: str, meant: str) -> None:
    with pytest.raises(ValueError, match=message) as told:
        as_symbol(text)
    assert told.value.suggestion == meant  # type: ignore[attr-defined]
    assert as_symbol(meant) == meant


@pytest.mark.parametrize("text", FINE)
def test_other_scripts_are_fine(text: str) -> None:
    assert as_symbol(text) == text.upper()
    assert as_legs(f"{text}-X") == (text.upper(), "X")


@pytest.mark.parametrize("dash", "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u2043")
def test_a_dash_that_is_none_is_named(dash: str) -> None:
    assert is_dash(dash)
    with pytest.raises(ValueError, match=f"is not a pair: letter 4 is {unicodedata.name(dash)}, which is no -") as told:
        as_legs(f"BTC{dash}ETH")
    assert told.value.suggestion == "BTC-ETH"  # type: ignore[attr-defined]


def test_every_odd_letter_is_named_and_the_rest_is_kept() -> None:
    assert len(oddities(CYRILLIC)) == 3
    assert plain("\u5e01\u200b\u2013\uff22") == "\u5e01-B"


def test_a_config_names_them_at_their_place(tmp_path: Path) -> None:
    path = tmp_path / "quantd.yaml"
    path.write_text(
        f"pairs: [BTCUSDT\u2013ETHUSDT, {CYRILLIC}-ETHUSDT]\nsymbols: ['A\u200b']\n\u0440\u0430\u0456rs: []\nlog\u200b: info\n",
        "utf-8",
    )
    with pytest.raises(ConfigError) as told:
        load(path, {})
    texts = [str(mistake).removeprefix(f"{path}:") for mistake in told.value.mistakes]
    assert texts[0].startswith("1:9: pairs[0]: ")
    assert texts[0].endswith("letter 8 is EN DASH, which is no - (did you mean 'BTCUSDT-ETHUSDT'?)")
    assert texts[1].endswith("CYRILLIC CAPITAL LETTER ES, which looks like C (did you mean 'BTCUSDT-ETHUSDT'?)")
    assert texts[2].endswith("letter 2 is ZERO WIDTH SPACE, which cannot be seen: take it out (did you mean 'A'?)")
    assert "CYRILLIC SMALL LETTER ER" in texts[3]
    assert texts[4].endswith("(did you mean 'log'?)")
