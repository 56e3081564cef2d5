"""`arcmill compare`: two runs or two datasets, step by step and row by row."""

from __future__ import annotations

from pipelines.compare.command import compare
from pipelines.compare.render import render

__all__ = ["compare", "render"]
