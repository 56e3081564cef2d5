"""The library of these tests can be opened as an environment: MODULE:FACTORY names it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
