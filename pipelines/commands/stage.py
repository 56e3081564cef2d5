"""The command of a stage, made from its declaration."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from arcmill.errors import UsageError
from pipelines.catalogue import find_stage
from pipelines.commands.options import CONTEXT, cores
from pipelines.commands.settings import settings_help

if TYPE_CHECKING:
    from arcmill.config import StageConfig
    from arcmill.stage import Stage


_NAME = re.compile(r"[\w-][\w.-]*")


def stage_command(name: str) -> click.Command:
    """The command of a stage, from its declaration."""
    from arcmill.stage import in_words

    stage = find_stage(name)
    inputs = [
        click.Option(
            ["--input", "inputs"], multiple=True, metavar="[NAME=]PATH",
            help="; ".join(_input_help(n, r, required) for n, (r, required) in stage.inputs.items()) + ".",
        )
    ] if stage.inputs else []  # fmt: skip
    options: list[click.Parameter] = [
        *inputs,
        click.Option(["--output"], required=True, metavar="PATH", help=f"Folder of the {in_words(stage.writes)} dataset to make."),
        click.Option(["--config", "config_file"], metavar="FILE", help="YAML file with settings."),
        click.Option(["--set", "assignments"], multiple=True, metavar="KEY=VALUE", help="One setting; wins over --config."),
        click.Option(
            ["--workers"], type=click.IntRange(1), default=cores, show_default="all cores",
            help="Processes to use; the output is the same for any number.",
        ),
        click.Option(["--force"], is_flag=True, help="Rebuild an output that was made from something else."),
        click.Option(["--quiet"], is_flag=True, help="No progress."),
    ]  # fmt: skip
    if "unsafe" in stage.config.model_fields:
        told = "Run generated code without a sandbox where there is none (--set unsafe=true)."
        options.append(click.Option(["--unsafe"], is_flag=True, help=told))

    def callback(**given: Any) -> None:
        run_stage(name, **given)

    return click.Command(
        name, params=options, callback=callback, context_settings=CONTEXT, short_help=stage.help, epilog=_epilog(stage),
        help=f"{stage.help}\n\nReads {_reads(stage)}; writes {in_words(stage.writes)}. Engine: {stage.engine}.",
    )  # fmt: skip


def _input_help(name: str, record: str, required: bool) -> str:
    from arcmill.stage import in_words

    what = "file, folder or glob" if record == "Files" else f"{in_words(record)} dataset"
    shown = "NAME" if name == "*" else name
    return f"{shown}: {what}{'' if required else ' (optional)'}"


def _reads(stage: Any) -> str:
    from arcmill.stage import in_words

    return ", ".join(f"{in_words(r)} ({n})" for n, (r, _) in stage.inputs.items()) or "nothing"


def _epilog(stage: Any) -> str:
    lines = ["\b", "Settings (--set KEY=VALUE):", *settings_help(stage.config)]
    if stage.engine == "vllm":
        from arcmill.engines.llm.settings import PREFIX, LlmSettings

        lines += ["", "\b", "Where and how the model is asked (--set KEY=VALUE; never part of a dataset's identity):"]
        lines += settings_help(LlmSettings, PREFIX)
    if stage.example:
        lines += ["", "\b", "Example:", *(f"  {line}" for line in stage.example.splitlines())]
    return "\n".join(lines)


def parse_inputs(stage: Any, given: Sequence[str]) -> dict[str, list[str]]:
    """`[NAME=]PATH` options as input name -> paths; a bare path goes to the first input."""
    accepted = stage.inputs
    named: dict[str, list[str]] = {}
    for text in given:
        name, equals, path = text.partition("=")
        free = (
            "*" in accepted and name not in accepted
        )  # any name is taken, as the steps of a recipe have them: web-counted
        if (
            not equals
            or not (name.isidentifier() or (free and _NAME.fullmatch(name) and not os.path.exists(text)))
            or (name not in accepted and not free and os.path.exists(text))
        ):
            name, path = stage.main_input or "input", text
            if name == "*":
                name = os.path.basename(text.rstrip("/")) or "input"
        if not path:
            raise UsageError(f"--input {text!r}: the path is empty; expected [NAME=]PATH")
        named.setdefault(name, []).append(path)
    return named


def run_stage(
    name: str, *, output: str, config_file: str | None, assignments: Sequence[str], workers: int, force: bool,
    quiet: bool, inputs: Sequence[str] = (), unsafe: bool = False,
) -> None:  # fmt: skip
    """Run one stage as the command says, and print where the dataset is."""
    from arcmill.config import assign, parse_assignment, read_yaml, validate
    from arcmill.stage import ENGINE_SETTINGS

    stage = find_stage(name)
    values = read_yaml(config_file) if config_file else {}
    engine: dict[str, Any] = {}
    for text in assignments:
        key, value = parse_assignment(text)
        if "." in key and key.partition(".")[0] in ENGINE_SETTINGS:
            engine[key] = value
        else:
            assign(values, key, value)
    if unsafe:
        values["unsafe"] = True
    config = validate(stage.config, values, config_file or name)
    execute_and_tell(
        stage, config, parse_inputs(stage, inputs), output, workers=workers, force=force, quiet=quiet, settings=engine
    )


def execute_and_tell(
    stage: Stage, config: StageConfig, inputs: Mapping[str, Sequence[str]], output: str, *, workers: int, force: bool,
    quiet: bool, settings: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Make a dataset; tell its counts on stderr, unless `quiet`, and where it is on stdout."""
    from arcmill.execute import execute
    from arcmill.progress import Progress
    from pipelines.runner import summary

    result = execute(
        stage,
        config,
        inputs,
        output,
        workers=workers,
        force=force,
        settings=settings,
        progress=Progress(stage.name, quiet),
    )
    if not quiet:
        said = "done before, skipped" if result.skipped else f"{result.seconds:.1f} s"
        click.echo(f"{stage.name}: {summary(result.dataset.manifest)}  {said}", err=True)
    from pipelines.cards.write import keep_card

    if told := keep_card(stage, output, [path for paths in inputs.values() for path in paths]):
        click.echo(told, err=True)
    click.echo(output)
