"""Canaries: documents whose fate is known beforehand, planted in a shadow of a run and followed through its stages.

The datasets of the run are only read. Below `<root>/_canaries/` a sample of its documents goes through the same
stages twice, with the canaries (`planted/`) and without (`control/`); `report.json` tells what was caught.
"""

from __future__ import annotations

FOLDER = "_canaries"
REPORT = "report.json"
CONTROL, PLANTED = "control", "planted"
