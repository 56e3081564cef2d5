"""Names that markup is told by: HTML tags, character references, LaTeX commands that only space or style."""

from __future__ import annotations

from functools import cache
from html.entities import html5
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_BLOCK = (
    "address article aside base blockquote body br button canvas caption center cite col colgroup data dd details dfn "
    "dialog dir div dl dt embed fieldset figcaption figure footer form frame h1 h2 h3 h4 h5 h6 head header hr html "
    "iframe img input kbd label legend li link main map math menu meta nav noscript object ol optgroup option output p "
    "param picture pre q samp script section select source style summary svg table tbody td template textarea tfoot "
    "th thead time title tr track ul var video"
)
# Inside a word these change how it looks, not what it is: H<sub>2</sub>O is one word.
_INLINE = "a abbr acronym b big code del em font i ins mark s small span strike strong sub sup tt u wbr"
_LATEX = (
    "quad qquad text textrm textbf textit texttt textsf emph mathrm mathbf mathit mathsf mathtt mathbb mathcal "
    "operatorname left right big Big bigg Bigg bigl bigr displaystyle textstyle limits nolimits thinspace hspace vspace "
    "mbox hbox noindent newline par item underline"
)


class Names(NamedTuple):
    """Sorted hashes of names, and what each stands for."""

    block: npt.NDArray[np.uint64]
    inline: npt.NDArray[np.uint64]
    latex: npt.NDArray[np.uint64]
    references: npt.NDArray[np.uint64]
    codes: npt.NDArray[np.uint32]  # code point of each reference


def name_hash(name: str) -> int:
    """The polynomial that the tokeniser computes over a name's bytes, modulo 2^64."""
    value = 0
    for byte in name.encode("ascii"):
        value = (value * 257 + byte) % (1 << 64)
    return value


@cache
def names() -> Names:
    """All tables, made once a process."""

    def table(text: str) -> npt.NDArray[np.uint64]:
        return np.sort(np.array([name_hash(name) for name in text.split()], np.uint64))

    single = {name[:-1]: ord(text) for name, text in html5.items() if name.endswith(";") and len(text) == 1}
    hashes = np.array([name_hash(name) for name in single], np.uint64)
    order = np.argsort(hashes)
    codes = np.array(list(single.values()), np.uint32)
    return Names(table(_BLOCK), table(_INLINE), table(_LATEX), hashes[order], codes[order])
