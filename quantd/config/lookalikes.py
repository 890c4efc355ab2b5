"""Finds letters that look like other letters or are invisible: a name with such a letter is a different name, and nobody sees why."""

import unicodedata

_LATIN = {
    **dict(zip("АВЕЅІЈКМНОРСТУХҮԚԜ", "ABESIJKMHOPCTYXYQW", strict=True)),  # Cyrillic
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),  # Greek
    **dict(zip("ՏՍՕ", "SUO", strict=True)),  # Armenian
    **dict(zip("ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃ", "ABCDEGHJKLMPRSTVWZ", strict=True)),  # Cherokee
}
_DASHES = "\u02d7\u2043\u2212\u2796"
"""Dashes outside the Unicode category Pd."""
_INVISIBLE = frozenset({*"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u2800\u3164\uffa0", *map(chr, range(0xFE00, 0xFE10))})


def oddities(text: str) -> list[str]:
    """Return what is odd about the letters of a name, in words; empty for a plain name and for one in another script.

    >>> oddities("BTC\u200bUSDT")
    ['letter 4 is ZERO WIDTH SPACE, which cannot be seen: take it out']
    >>> oddities("币安人生USDT")
    []
    """
    likely = _is_latin_in_disguise(text)
    return [f"letter {number} is {_name(letter)}, {why}" for number, letter in enumerate(text, 1) if (why := _why(letter, likely=likely))]


def plain(text: str) -> str:
    """Return the name that was probably meant, in ASCII as far as possible."""
    letters = ("" if _cannot_be_seen(letter) else "-" if is_dash(letter) else _meant(letter) or letter for letter in text)
    return "".join(letters)


def is_dash(letter: str) -> bool:
    """Return whether a letter looks like a hyphen-minus and is another character."""
    return letter != "-" and (unicodedata.category(letter) == "Pd" or letter in _DASHES)


def _why(letter: str, *, likely: bool) -> str | None:
    if _cannot_be_seen(letter):
        return "which cannot be seen: take it out"
    if is_dash(letter):
        return "which is no -"
    meant = _meant(letter)
    if meant and (likely or letter.upper() not in _LATIN):
        return f"which looks like {meant}"
    return None


def _meant(letter: str) -> str | None:
    """Return the ASCII letter that a letter looks like; None for ASCII and for letters that look like no other."""
    if letter.isascii():
        return None
    if letter.upper() in _LATIN:
        return _LATIN[letter.upper()]
    for form in (letter.upper(), unicodedata.normalize("NFKC", letter)):
        if form.isascii() and form.strip():
            return form
    return str(unicodedata.decimal(letter)) if unicodedata.category(letter) == "Nd" else None


def _is_latin_in_disguise(text: str) -> bool:
    """Return whether all non-ASCII letters look like ASCII ones: a real word in Cyrillic or Greek has others among them."""
    return all(letter.isascii() or _meant(letter) or _cannot_be_seen(letter) or is_dash(letter) for letter in text)


def _cannot_be_seen(letter: str) -> bool:
    return not letter.isascii() and (unicodedata.category(letter)[0] in "CZ" or letter in _INVISIBLE)


def _name(letter: str) -> str:
    return unicodedata.name(letter, f"U+{ord(letter):04X}")
