"""Scripts of letters, how much a letter of each script says, and which scripts a language is written in.

Blocks after the Unicode character database (Scripts.txt), coarse to the block. A letter's weight is the number of
letters that English needs for the same content, from the lengths of translations of one text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SCRIPTS", "SCRIPT_IDS", "WEIGHTS", "languages_of", "script_table"]

# name -> (weight of a letter, ranges of code points, last included)
_SCRIPTS: dict[str, tuple[float, tuple[tuple[int, int], ...]]] = {
    "None": (0.0, ()),  # digits, punctuation, symbols, scripts that are not listed
    "Latn": (
        1.0,
        (
            (0x41, 0x5A), (0x61, 0x7A), (0xAA, 0xAA), (0xBA, 0xBA), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x2AF),
            (0x1E00, 0x1EFF), (0x2C60, 0x2C7F), (0xA722, 0xA7FF), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A),
        ),
    ),
    "Grek": (1.0, ((0x370, 0x373), (0x376, 0x37D), (0x386, 0x3FF), (0x1F00, 0x1FFF))),
    "Cyrl": (1.0, ((0x400, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F))),
    "Armn": (1.0, ((0x531, 0x588),)),
    "Hebr": (1.4, ((0x5D0, 0x5F2), (0xFB1D, 0xFB4F))),
    "Arab": (1.4, ((0x620, 0x65F), (0x66E, 0x6D3), (0x6D5, 0x6EF), (0x6FA, 0x6FF), (0x750, 0x77F),
                   (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC))),
    "Thaa": (1.0, ((0x780, 0x7B1),)),
    "Deva": (1.0, ((0x900, 0x963), (0x970, 0x97F), (0xA8E0, 0xA8FF))),
    "Beng": (1.0, ((0x980, 0x9E3), (0x9F0, 0x9FE))),
    "Guru": (1.0, ((0xA01, 0xA63), (0xA70, 0xA76))),
    "Gujr": (1.0, ((0xA81, 0xAE3), (0xAF9, 0xAFF))),
    "Orya": (1.0, ((0xB01, 0xB63), (0xB71, 0xB77))),
    "Taml": (1.0, ((0xB82, 0xBD7),)),
    "Telu": (1.0, ((0xC00, 0xC63),)),
    "Knda": (1.0, ((0xC80, 0xCE3), (0xCF1, 0xCF3))),
    "Mlym": (1.0, ((0xD00, 0xD63), (0xD7A, 0xD7F))),
    "Sinh": (1.0, ((0xD81, 0xDDF), (0xDF2, 0xDF3))),
    "Thai": (1.0, ((0xE01, 0xE3A), (0xE40, 0xE4E))),
    "Laoo": (1.0, ((0xE81, 0xECD), (0xEDC, 0xEDF))),
    "Tibt": (1.0, ((0xF00, 0xF00), (0xF40, 0xFBC))),
    "Mymr": (1.0, ((0x1000, 0x103F), (0x1050, 0x109F), (0xA9E0, 0xA9FE), (0xAA60, 0xAA7F))),
    "Geor": (1.0, ((0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2D))),
    "Ethi": (1.8, ((0x1200, 0x135F), (0x1380, 0x138F), (0x2D80, 0x2DDE))),
    "Khmr": (1.0, ((0x1780, 0x17D3),)),
    "Hang": (2.6, ((0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97C), (0xAC00, 0xD7FB), (0xFFA0, 0xFFDC))),
    "Kana": (1.5, ((0x3041, 0x3096), (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF),
                   (0xFF66, 0xFF9D), (0x1B000, 0x1B16F))),
    "Hani": (3.2, ((0x3005, 0x3007), (0x3021, 0x3029), (0x3105, 0x312F), (0x31A0, 0x31BF), (0x3400, 0x4DBF),
                   (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))),
}  # fmt: skip

SCRIPTS: tuple[str, ...] = tuple(_SCRIPTS)
SCRIPT_IDS: dict[str, int] = {name: number for number, name in enumerate(SCRIPTS)}
WEIGHTS: tuple[float, ...] = tuple(weight for weight, _ in _SCRIPTS.values())

# Languages of the lid.176 model by script; every language that is not named anywhere is written in Latin letters.
_LANGUAGES = {
    "Grek": "el", "Armn": "hy", "Thaa": "dv", "Guru": "pa", "Gujr": "gu", "Orya": "or", "Taml": "ta", "Telu": "te",
    "Mlym": "ml", "Sinh": "si", "Thai": "th", "Laoo": "lo", "Mymr": "my", "Ethi": "am", "Khmr": "km", "Hang": "ko",
    "Hebr": "he yi", "Geor": "ka xmf", "Tibt": "bo", "Knda": "kn", "Beng": "bn as bpy",
    "Cyrl": "ru uk be bg mk sr sh kk ky mn tg tt tk uz az ba bxr ce cv kv krc lez mhr mrj myv os rue sah tyv xal av",
    "Arab": "ar arz fa ps ur pnb sd ug ckb ku azb mzn lrc ks kk az",
    "Deva": "hi mr ne sa bh mai new gom dty",
    "Kana": "ja", "Hani": "zh ja yue wuu",
}  # fmt: skip
_ALSO_LATIN = frozenset(["sr", "sh", "tk", "uz", "az", "kk", "tt", "ku", "gom"])


def languages_of(script: str, labels: list[str]) -> frozenset[str]:
    """Those of a model's labels that may be written in `script`.

    Labels like `eng_Latn` carry their script; a label that is unknown here counts as Latin if it is a bare code.
    """
    named = {language for names in _LANGUAGES.values() for language in names.split()} - _ALSO_LATIN
    here = set(_LANGUAGES.get(script, "").split())
    found = set()
    for label in labels:
        language, _, suffix = label.partition("_")
        if suffix:
            spelled = {"Jpan": ("Kana", "Hani"), "Kore": ("Hang",), "Hans": ("Hani",), "Hant": ("Hani",)}
            if script in spelled.get(suffix, (suffix,)):
                found.add(label)
        elif language in here or (script == "Latn" and language not in named):
            found.add(label)
    return frozenset(found)


def script_table() -> NDArray[np.uint8]:
    """Code point -> number of its script in SCRIPTS, for every code point."""
    import numpy

    table = numpy.zeros(0x110000, dtype=numpy.uint8)
    for number, (_, ranges) in enumerate(_SCRIPTS.values()):
        for first, last in ranges:
            table[first : last + 1] = number
    return table
