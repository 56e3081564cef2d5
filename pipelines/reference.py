"""docs/reference, made from the declarations alone: stages, their settings, engines, records, recipes, commands.

python -m pipelines.reference docs/reference            # write it
python -m pipelines.reference docs/reference --check    # status 1 where a page is not what would be written
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.catalogue import STAGES, get_stage
from pipelines.commands.settings import Setting, settings_of

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel

    from arcmill.stage import Stage

COMMAND = "python -m pipelines.reference docs/reference"
NOTE = f"<!-- Written by `{COMMAND}` from the declarations. Change those, not this page. -->"
PACKAGES = {
    "ingest": "raw input to rows", "filters": "language, rules, quality, tiers", "dedup": "duplicates and contamination",
    "synth": "problems, reasoning, graphs, search questions", "agent_data": "tools, tasks, trajectories, judges",
    "sequences": "mixtures, tokens, exports", "arcmill": "of the kernel",
}  # fmt: skip


def pages() -> dict[str, str]:
    """File name -> text of each page, without anything that depends on the machine."""
    made = {"README.md": _index(), "engines.md": _engines(), "records.md": _records(), "recipe.md": _recipe()}
    made["commands.md"] = _commands()
    for package, about in PACKAGES.items():
        made[f"{package}.md"] = _package(package, about)
    return made


def differing(folder: Path) -> list[str]:
    """The files of a folder that are not what would be written, those too many included."""
    wanted = pages()
    there = _ours(folder)
    changed = [name for name in wanted if name not in there or (folder / name).read_text("utf-8") != wanted[name]]
    return sorted([*changed, *(there - set(wanted))])


def _ours(folder: Path) -> set[str]:
    """The pages of a folder that were written from declarations."""
    return {path.name for path in folder.glob("*.md") if path.read_text("utf-8").startswith(NOTE)}


def write(folder: Path) -> None:
    """Write all pages; those that were written before and are none of them any more are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for name in _ours(folder) - set(wanted):
        (folder / name).unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, "utf-8")


def _of(package: str) -> list[str]:
    return [name for name, listed in STAGES.items() if listed.module.partition(".")[0] == package]


def _index() -> str:
    from arcmill.stage import in_words

    lines = [NOTE, "# Reference", "", "Every stage, from its declaration. `arcmill STAGE --help` shows the same.", ""]
    rows = []
    for package in PACKAGES:
        for name in _of(package):
            stage = get_stage(name)
            reads = ", ".join(dict.fromkeys(in_words(record) for record, _ in stage.inputs.values())) or "nothing"
            rows.append((f"[`{name}`]({package}.md#{name})", reads, in_words(stage.writes), stage.engine, stage.help))
    lines += [*_table(("stage", "reads", "writes", "engine", "does"), rows), ""]
    lines += [
        "Also: [records](records.md) with their columns, [recipes](recipe.md), [settings of engines](engines.md), "
        "[commands](commands.md). What a ledger and a manifest hold: [contracts](../contracts.md).", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _package(package: str, about: str) -> str:
    from arcmill.config import StageConfig

    names = _of(package)
    lines = [NOTE, f"# Stages of `{package}`: {about}", "", " · ".join(f"[{name}](#{name})" for name in names), ""]
    lines += ["Every stage takes these settings too:", "", *_settings(settings_of(StageConfig)), ""]
    for name in names:
        lines += [*_stage(get_stage(name)), ""]
    return "\n".join(lines)


def _stage(stage: Stage) -> Iterator[str]:
    from arcmill.config import StageConfig
    from arcmill.stage import in_words

    yield from (f"## {stage.name}", "", stage.help if stage.help.endswith((".", "...")) else f"{stage.help}.", "")
    rows = []
    for name, (record, required) in stage.inputs.items():
        told = f"files, folders or globs{_suffixes(stage)}" if record == "Files" else in_words(record)
        rows.append((f"input `{'NAME' if name == '*' else name}`", told + ("" if required else " (optional)")))
    yield from _table(("", ""), [
        *rows, ("output", f"{in_words(stage.writes)}; {_rows(stage)}"),
        ("engine", f"[{stage.engine}](engines.md#{stage.engine})"), ("version", str(stage.version)),
    ])  # fmt: skip
    yield from ("", "```bash", *stage.example.splitlines(), "```", "")
    if stage.layout is not None:
        columns = ", ".join(f"`{field.name}`" for field in stage.layout(stage.config()))
        yield from (f"Columns, with its default settings: {columns}.", "")
    shared = {setting.key: setting for setting in settings_of(StageConfig)}
    own = [setting for setting in settings_of(stage.config) if setting != shared.get(setting.key)]
    yield from _settings(own) if own else ["It has no further settings."]


def _suffixes(stage: Stage) -> str:
    return f" ({', '.join(f'`{suffix}`' for suffix in stage.accepts)})" if stage.accepts else ""


def _rows(stage: Stage) -> str:
    """What becomes of rows, as far as the declaration says it."""
    if stage.writes == "Model":
        return "files of a model"
    if stage.edits:
        return "only what changes is written anew"
    if stage.makes or stage.rewrites or stage.writes == "Signature" or stage.writes == "Embedding":
        return "new rows"
    main = stage.inputs.get(stage.main_input or "", ("", False))[0]
    if main == "Files" or not stage.inputs:
        return "rows of what is read"
    return "rows stay or leave, columns may change" if main == stage.writes else "new rows"


def _engines() -> str:
    from arcmill.engines.llm.settings import LlmSettings
    from arcmill.engines.placement import DatatroveSettings, RaySettings, SlurmSettings

    lines = [NOTE, "# Engines and their settings", "", "Given as `--set llm.timeout=60`, or in a recipe under `settings`. "
             "None of them decides a row, so none is part of a fingerprint.", ""]  # fmt: skip
    told: dict[str, tuple[str, type[BaseModel], str]] = {
        "datatrove": ("Tasks over parts, files or splits, side by side.", DatatroveSettings, "datatrove."),
        "slurm": ("Where `datatrove.executor` is slurm.", SlurmSettings, "slurm."),
        "ray": ("Where `datatrove.executor` is ray.", RaySettings, "ray."),
        "vllm": (
            "Requests to a language model, journaled. `--set llm.…`, whatever server answers.",
            LlmSettings,
            "llm.",
        ),
    }
    for name, (about, model, prefix) in told.items():
        lines += [f"## {name}", "", about, "", *_settings(settings_of(model, prefix)), ""]
    lines += [
        "## spark", "", "The whole dataset. Any setting of Spark, such as `--set spark.master=spark://node1:7077` "
        "([cluster](../cluster.md)).", "",
        "## local", "", "In the process of the command; writes model files.", "",
        "## faiss", "", "Vectors, in the process of the command.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _records() -> str:
    from arcmill.ledger import ledger_schema
    from arcmill.records import RECORDS, schema

    lines = [NOTE, "# Records", "", "What they mean: [contracts](../contracts.md). An Export has the columns that its stage "
             "lays out.", ""]  # fmt: skip
    for record in (*(name for name in RECORDS if name != "Export"), "Ledger"):
        fields = ledger_schema() if record == "Ledger" else schema(record)
        rows = [(f"`{field.name}`", f"`{field.type}`", "" if field.nullable else "never null") for field in fields]
        lines += [f"## {record}", "", *_table(("column", "Arrow type", ""), rows), ""]
    return "\n".join(lines)


def _recipe() -> str:
    from pipelines.recipe import RecipeModel

    lines = [NOTE, "# Recipes", "", "The keys of a recipe's YAML. `NAME` stands for a name of yours. An example: "
             "[quickstart](../../recipes/quickstart.yaml).", "", *_settings(settings_of(RecipeModel))]  # fmt: skip
    return "\n".join([*lines, ""])


def _commands() -> str:
    import click

    from pipelines.cli import cli

    lines = [NOTE, "# Commands", "", "Each stage is a command too ([index](README.md)), with `--input`, `--output`, "
             "`--config`, `--set`, `--workers`, `--force`, `--quiet`.", ""]  # fmt: skip
    for name, command in sorted(cli.commands.items()):
        inner = command.commands if isinstance(command, click.Group) else {}
        for shown, one in [(name, command), *((f"{name} {key}", each) for key, each in sorted(inner.items()))]:
            lines += [*_command(shown, one), ""]
    return "\n".join(lines)


def _command(name: str, command: click.Command) -> Iterator[str]:
    import inspect

    import click

    told, _, example = inspect.cleandoc(command.help or "").replace("\b", "").partition("Example:")
    pieces = command.collect_usage_pieces(click.Context(command))
    yield from (f"## {name}", "", *told.strip().splitlines(), "")
    yield from ("```bash", f"arcmill {name} {' '.join(pieces)}".rstrip(), *(line.strip() for line in example.strip().splitlines()), "```", "")  # fmt: skip
    options = [option for option in command.params if isinstance(option, click.Option)]
    if options:
        rows = [(f"`{', '.join(option.opts)}{'' if option.is_flag else ' ' + (option.metavar or option.type.name.upper())}`",
                 (option.help or "") + (" Required." if option.required else "")) for option in options]  # fmt: skip
        yield from _table(("option", "meaning"), rows)


def _settings(settings: Sequence[Setting]) -> list[str]:
    rows = []
    for setting in settings:
        kind = f"{setting.kind}; {setting.bounds}" if setting.bounds else setting.kind
        default = setting.default if setting.default == "required" else f"`{setting.default}`"
        rows.append((f"`{setting.key}`", kind, default, setting.meaning))
    return _table(("setting", "type and bounds", "default", "meaning and unit"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; what would end a cell, or be markup, is escaped outside of code."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return [*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]


def _cell(text: str) -> str:
    pieces = " ".join(text.split()).replace("|", "\\|").split("`")
    marks: Mapping[str, str] = {"<": "&lt;", "*": "\\*", "_": "\\_"}
    for place in range(0, len(pieces), 2):
        if not pieces[place].startswith("](") and "](" not in pieces[place]:
            for sign, escaped in marks.items():
                pieces[place] = pieces[place].replace(sign, escaped)
    return "`".join(pieces)


def main(arguments: Sequence[str]) -> int:
    """Write or check a folder; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.reference", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="where the pages lie, such as docs/reference")
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 where a page is not as declared")
    given = parser.parse_args(arguments)
    folder: Path = given.folder
    if given.check:
        changed = differing(folder)
        for name in changed:
            print(f"{folder / name}: not what the declarations say; {COMMAND}", file=sys.stderr)
        return int(bool(changed))
    write(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
