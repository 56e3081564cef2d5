"""One fastText training, in a process of its own: `python fasttext_process.py SETTINGS.json`.

With one thread, fastText fills only a tenth of its first weights and takes the rest as the allocator hands it out. In
a process that has freed memory before, that is garbage: other bytes each time, or NaN. So training runs in a fresh
process whose allocator is told to hand out zeros (MALLOC_PERTURB_, glibc).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["train_in_process"]


def train_in_process(settings: dict[str, Any]) -> str | None:
    """Train as `settings` say (see _train); returns None, or what fastText complained of."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(settings, file)
        file.flush()
        environment = {**os.environ, "MALLOC_PERTURB_": "255"}  # perturbs by the complement: zeros
        done = subprocess.run(
            [sys.executable, str(Path(__file__)), file.name], env=environment, capture_output=True, text=True
        )
    if done.returncode == 0:
        return None
    return done.stderr.strip() or f"the process ended with status {done.returncode}"


def _train(settings: dict[str, Any]) -> None:
    import fasttext_pybind  # type: ignore[import-not-found, unused-ignore]

    arguments = fasttext_pybind.args()
    fixed = {"thread": 1, "verbose": 0, "minn": 0, "maxn": 0, "label": "__label__", "lrUpdateRate": 100, "t": 1e-4}
    for name, value in {**fixed, **settings["arguments"]}.items():
        setattr(arguments, name, value)
    arguments.loss = fasttext_pybind.loss_name.softmax
    arguments.model = fasttext_pybind.model_name.supervised
    model = fasttext_pybind.fasttext()
    fasttext_pybind.train(model, arguments)
    if settings["features"]:
        quantize_output, retrain, length_of_parts, quantize_norm = False, True, 2, True
        model.quantize(
            arguments.input, quantize_output, settings["features"], retrain, arguments.epoch, arguments.lr,
            arguments.thread, arguments.verbose, length_of_parts, quantize_norm,
        )  # fmt: skip
    model.saveModel(settings["output"])


def _die_with_parent() -> None:
    """Training holds Python's lock, so the kernel must do it (Linux): a stage that was killed leaves no training behind."""
    set_death_signal = 1  # linux/prctl.h
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    _die_with_parent()
    try:
        _train(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    except (RuntimeError, ValueError, MemoryError) as problem:
        sys.exit(f"fastText: {problem or type(problem).__name__}")
