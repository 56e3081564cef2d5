"""The SPDX licence expression of an installed distribution, from its metadata.

`License-Expression` (PEP 639) is taken where it stands. Older metadata has classifiers and a free field; both
are mapped where they are unambiguous. "BSD" names several licences: its text decides (see `spdx`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingest.spdx import canonical, of_text

_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "Academic Free License (AFL)": "AFL-3.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "zlib/libpng License": "Zlib",
}
# The free field, lower case, without "the", "license", "version" and punctuation.
_PLAIN = {
    "apache 2.0": "Apache-2.0", "apache 2": "Apache-2.0", "apache2": "Apache-2.0",
    "apache software 2.0": "Apache-2.0", "http //www.apache.org/licenses/ 2.0": "Apache-2.0",
    "bsd 3 clause": "BSD-3-Clause", "3 clause bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause", "modified bsd": "BSD-3-Clause", "bsd 2 clause": "BSD-2-Clause", "isc": "ISC",
    "2 clause bsd": "BSD-2-Clause", "simplified bsd": "BSD-2-Clause", "mit": "MIT", "expat": "MIT",
    "psf": "PSF-2.0", "psfl": "PSF-2.0", "python software foundation": "PSF-2.0", "mpl 2.0": "MPL-2.0",
    "unlicense": "Unlicense", "mozilla public 2.0": "MPL-2.0",
    "public domain": "LicenseRef-Public-Domain",
}  # fmt: skip


def spdx(expression: str | None, free: str | None, classifiers: Iterable[str], texts: Iterable[str]) -> str | None:
    """An SPDX expression, or None where the metadata does not say.

    expression, free: the fields License-Expression and License; classifiers: all of them; texts: licence
    files. Several classifiers are joined by AND, the reading under which no licence is overlooked.
    """
    found = canonical(expression) or canonical(free) or _plain(free)
    if found:
        return found
    names = sorted({c.split(" :: ")[-1] for c in classifiers if c.startswith("License :: ") and c.count(" :: ") > 1})
    known = [_CLASSIFIERS[name] for name in names if name in _CLASSIFIERS]
    if names and len(known) == len(names):
        return " AND ".join(sorted(known))
    return next((name for text in texts if (name := of_text(text))), None)


def _plain(free: str | None) -> str | None:
    if not free or len(free) > 100:
        return None
    words = re.sub(r"[\s,;:()\-_\"']+|\bthe\b|\blicen[cs]ed?\b|\bversion\b|\bv(?=\d)", " ", free.lower())
    return _PLAIN.get(" ".join(words.split()))
