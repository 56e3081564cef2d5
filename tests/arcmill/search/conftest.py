from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from search_documents import DOCUMENTS, indexed

from arcmill.search import SearchIndex


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    return indexed(tmp_path_factory.mktemp("search"), DOCUMENTS, passage_characters=400)
