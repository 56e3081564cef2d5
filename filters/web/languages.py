"""What differs between languages: how words are split, which words are stop words, how sentences may end."""

from __future__ import annotations

import re

ENGLISH = "en"

# Scripts written without spaces between words. The segmenters that datatrove asks for (jieba, pythainlp, ...) are
# optional packages; here a word is one ideograph, one syllable cluster, or a run of anything else, which needs no
# model, is linear in the length, and is the same on every machine.
SPACELESS = frozenset(
    ("zh", "ja", "th", "lo", "km", "my", "bo", "dz", "yue", "wuu", "lzh", "tha", "lao", "khm", "mya", "bod", "dzo")
)
UNIT = re.compile(
    r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # ideographs
    r"|[\u3040-\u309f]+|[\u30a0-\u30ff\uff66-\uff9f]+"  # kana runs
    r"|[\u0e40-\u0e44\u0ec0-\u0ec4]?[\u0e01-\u0e2e\u0e81-\u0eae][\u0e30-\u0e3a\u0e45\u0e47-\u0e4e\u0eb0-\u0ebc\u0ec8-\u0ecd]*"
    r"|[\u1000-\u102a\u103f\u104e][\u102b-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074]*"
    r"|[\u1780-\u17b3](?:\u17d2[\u1780-\u17b3]|[\u17b4-\u17d1\u17dd])*"
    r"|[\u0f40-\u0fbc]+\u0f0b?"
    r"|[A-Za-z0-9\u00c0-\u024f]+(?:['.-][A-Za-z0-9\u00c0-\u024f]+)*"
    r"|\S"
)

# Gopher's list is English. For these languages the commonest function words take its place; for any other
# language the stop-word rule is not applied, because it would drop every document.
STOP_WORDS: dict[str, tuple[str, ...]] = {
    "en": ("the", "be", "to", "of", "and", "that", "have", "with"),
    "de": ("der", "die", "und", "in", "den", "von", "zu", "das", "mit", "ist"),
    "fr": ("de", "la", "le", "et", "les", "des", "en", "un", "une", "est", "que"),
    "es": ("de", "la", "que", "el", "en", "y", "los", "del", "se", "las"),
    "it": ("di", "e", "il", "la", "che", "in", "un", "per", "del", "è"),
    "pt": ("de", "a", "o", "que", "e", "do", "da", "em", "um", "para"),
    "nl": ("de", "van", "het", "een", "en", "in", "is", "dat", "op", "te"),
    "pl": ("w", "i", "na", "się", "z", "do", "nie", "że", "jest", "o"),
    "ru": ("и", "в", "не", "на", "с", "что", "по", "как", "из", "к"),
    "zh": ("的", "是", "在", "了", "不", "和", "有", "一"),
    "ja": ("の", "に", "は", "を", "が", "と", "で", "も"),
}

# C4 accepts . ? ! and quotes at the end of a line. Outside English its marks are these as well.
OTHER_SENTENCE_ENDS = tuple("。！？｡．…؟۔।॥။។៕།։።”’»」』")


def normalise(language: str | None) -> str:
    """`None`, "en", "eng", "eng_Latn", "pt-BR" -> the code that is looked up; no language means English."""
    code = (language or ENGLISH).replace("-", "_").split("_")[0].lower()
    return {"eng": "en", "deu": "de", "fra": "fr", "spa": "es", "ita": "it", "por": "pt", "nld": "nl", "pol": "pl",
            "rus": "ru", "zho": "zh", "cmn": "zh", "jpn": "ja"}.get(code, code)  # fmt: skip
