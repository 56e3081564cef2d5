from __future__ import annotations

import pytest
from sandbox_attempts import LIMITS

from arcmill.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(LIMITS, workers=2) as made:
        yield made
