"""Matchers say which alerts are meant."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quantd.config.convert import Invalid
from quantd.config.matchers import Matcher, as_matchers, match, words_of, written
from quantd.testing import fakes

WORDS = {"severity": "page", "pair": "BTCUSDT-ETHUSDT", "rule": "stretched", "team": "night"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("severity=page", True),
        ("severity == page", True),
        ("{severity=page, team=night}", True),
        ("severity=page and team=day", False),
        ("severity!=page", False),
        ('pair=~"BTC.*"', True),
        ("pair=~BTC", False),
        ('pair!~"ETH.*"', True),
        ("pair =~ 'BTCUSDT-(ETH|BNB)USDT'", True),
        ("team!=day", True),
        ("floor=''", True),
        ("floor!=''", False),
        ('rule=~".*"', True),
    ],
)
def test_what_matches(text: str, matches: bool) -> None:
    assert match(as_matchers(text), WORDS) is matches


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ("", "is empty", None),
        ("{}", "is empty", None),
        ("severity", "at column 1: expected a matcher", None),
        ("severity: page", "at column 1", "severity=page"),
        ("severity=page, rule", "at column 16", None),
        ("severity=page rule=x", "at column 15: expected `,`", None),
        ("severity=page,", "at column 14: expected `,` and another", None),
        ('pair=~"("', r"at column 7: the pattern '\(' cannot be read", None),
        ('pair=~"(a+)+b"', "repeats a group", None),
        (r'pair=~"(a)\\1"', "refers back", None),
        ('pair=~"(?=a)a"', "looks around", None),
        ('pair=~".*.*.*.*x"', "more than 3 repeats", None),
        ("pair=~" + "a" * 201, "more than 200 letters", None),
        ("a=" + "b" * 1_000, "more than 1000 letters", None),
        (", ".join(["a=b"] * 21), "more than 20 matchers", None),
    ],
)
def test_mistakes(text: str, message: str, suggestion: str | None) -> None:
    with pytest.raises(Invalid, match=message) as caught:
        as_matchers(text)
    assert caught.value.suggestion == suggestion


def test_the_words_of_an_alert_are_its_own_before_its_labels() -> None:
    alert = replace(fakes.alert(), labels={"team": "night", "severity": "none"}, severity="page", metric="health", value="broken")
    words = words_of(alert)
    assert words["team"] == "night"
    assert words["severity"] == "page"
    assert words["value"] == "broken"
    assert words_of(fakes.alert())["value"] == ""


@given(
    st.lists(
        st.builds(Matcher, st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.sampled_from(["=", "!="]), st.text(max_size=20)),
        min_size=1,
        max_size=5,
    )
)
def test_matchers_are_read_from_what_they_print(found: list[Matcher]) -> None:
    assert as_matchers(written(tuple(found))) == tuple(found)


@given(st.text(max_size=60))
def test_any_text_is_matchers_or_not(text: str) -> None:
    with suppress(Invalid):
        assert as_matchers(text)


@given(st.text("ab.*+?()|[]{1}", max_size=20), st.text("ab", max_size=300))
def test_no_pattern_takes_long(pattern: str, text: str) -> None:
    with suppress(Invalid):
        for each in as_matchers(f"pair=~'{pattern}'"):
            each.matches({"pair": text})
