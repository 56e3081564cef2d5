"""The command line: one command a stage, made from its declaration, and the commands about runs (DESIGN section 3)."""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from arcmill.errors import ArcmillError, UsageError
from pipelines.catalogue import STAGES, get_stage

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Commands(click.Group):
    """Commands about runs, and one per stage of the catalogue, imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *STAGES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in STAGES:
            return stage_command(cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Runs"):
            formatter.write_dl([(name, command.get_short_help_str(90)) for name, command in self.commands.items()])
        with formatter.section("Stages (arcmill STAGE --help)"):
            formatter.write_dl([(name, listed.help) for name, listed in STAGES.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click does it, with the catalogue's lines for stages: a press of the tab key imports none."""
        own = [(name, command.get_short_help_str()) for name, command in self.commands.items()]
        items = [*own, *((name, listed.help) for name, listed in STAGES.items())]
        options = [item for item in click.Command.shell_complete(self, ctx, incomplete) if incomplete.startswith("-")]
        return [*(CompletionItem(name, help=told) for name, told in items if name.startswith(incomplete)), *options]


@click.group(cls=Commands, context_settings=CONTEXT)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="arcmill", prog_name="arcmill")
def cli(debug: bool) -> None:
    """Make training data for agentic, reasoning and coding language models; every row explained.

    \b
    Example:
      arcmill run quickstart --workers 2
      arcmill report runs/quickstart
    """


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--workers`, the same everywhere: it never changes the output."""
    return click.option(
        "--workers", type=click.IntRange(1), default=cores, show_default="all cores",
        help="Processes (and Spark cores) to use; the output is the same for any number.",
    )(command)  # fmt: skip


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`, for commands whose result a program may want."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def say(value: Any, as_json: bool, text: Callable[[Any], str]) -> None:
    """A result, on stdout."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False) if as_json else text(value))


# -- stages ----------------------------------------------------------------------------------------------------


def stage_command(name: str) -> click.Command:
    """The command of a stage, from its declaration."""
    from arcmill.stage import in_words

    stage = get_stage(name)
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
    lines = ["\b", "Settings (--set KEY=VALUE):"]
    for key, kind, default, meaning in settings_of(stage.config):
        lines.append(f"  {key} ({kind}, default {default})")
        lines.extend(f"      {line}" for line in _wrap(meaning, 100))
    if stage.engine == "vllm":
        from arcmill.engines.llm.settings import PREFIX, LlmSettings

        lines += ["", "\b", "Where and how the model is asked (--set KEY=VALUE; never part of a dataset's identity):"]
        for key, kind, default, meaning in settings_of(LlmSettings, PREFIX):
            lines.append(f"  {key} ({kind}, default {default})")
            lines.extend(f"      {line}" for line in _wrap(meaning, 100))
    if stage.example:
        lines += ["", "\b", "Example:", *(f"  {line}" for line in stage.example.splitlines())]
    return "\n".join(lines)


def _wrap(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


def settings_of(model: Any, prefix: str = "") -> list[tuple[str, str, str, str]]:
    """(key, type, default, meaning) of every setting, nested ones with dots."""
    from pydantic import BaseModel

    found: list[tuple[str, str, str, str]] = []
    for key, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += settings_of(kind, f"{prefix}{key}.")
            continue
        shown = getattr(kind, "__name__", str(kind)) if not getattr(kind, "__args__", None) else str(kind)
        shown = shown.replace("typing.", "").replace("NoneType", "None")
        default = (
            "required" if field.is_required() else json.dumps(field.get_default(call_default_factory=True), default=str)
        )
        found.append(
            (prefix + key, shown, default if len(default) <= 80 else default[:77] + "...", field.description or "")
        )
    return found


def parse_inputs(stage: Any, given: Sequence[str]) -> dict[str, list[str]]:
    """`[NAME=]PATH` options as input name -> paths; a bare path goes to the first input."""
    accepted = stage.inputs
    named: dict[str, list[str]] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if (
            not equals
            or not name.isidentifier()
            or (name not in accepted and "*" not in accepted and os.path.exists(text))
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
    from arcmill.execute import execute
    from arcmill.progress import Progress
    from pipelines.runner import summary

    stage = get_stage(name)
    values = read_yaml(config_file) if config_file else {}
    engine: dict[str, Any] = {}
    for text in assignments:
        key, value = parse_assignment(text)
        if key.startswith(("spark.", "llm.")):
            engine[key] = value
        else:
            assign(values, key, value)
    if unsafe:
        values["unsafe"] = True
    config = validate(stage.config, values, config_file or name)
    result = execute(
        stage, config, parse_inputs(stage, inputs), output, workers=workers, force=force, settings=engine,
        progress=Progress(name, quiet),
    )  # fmt: skip
    if not quiet:
        said = "done before, skipped" if result.skipped else f"{result.seconds:.1f} s"
        click.echo(f"{name}: {summary(result.dataset.manifest)}  {said}", err=True)
    click.echo(output)


# -- runs ------------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("recipe")
@click.option("--root", metavar="DIR", help="Folder of the run.  [default: runs/<recipe name>]")
@click.option("--only", multiple=True, metavar="STAGE", help="Run this step alone.")
@click.option("--from", "start", multiple=True, metavar="STAGE", help="Run this step and all that follow from it.")
@click.option("--set", "assignments", multiple=True, metavar="STAGE.KEY=VALUE", help="One setting of one step.")
@workers_option
@click.option("--force", is_flag=True, help="Rebuild what was made from something else.")
@click.option("--quiet", is_flag=True, help="No progress.")
def run(
    recipe: str, root: str | None, only: Sequence[str], start: Sequence[str], assignments: Sequence[str], workers: int,
    force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Run a recipe: a YAML file, or the name of a built-in one. What is done is skipped.

    \b
    Example:
      arcmill run quickstart --workers 2
      arcmill run recipes/web.yaml --set pages.input=crawl/*.warc.gz --root runs/crawl
    """
    from pipelines import runner
    from pipelines.recipe import load_recipe
    from pipelines.report import write_report

    loaded = load_recipe(recipe, assignments)
    folder = runner.run_root(loaded, root)
    canaries = runner.run(loaded, folder, only=only, start=start, workers=workers, force=force, quiet=quiet)
    if canaries:
        click.echo(canaries)
    click.echo(f"report: {write_report(folder, None, [(s.name, s.stage.name) for s in loaded.steps])}")
    for step in loaded.steps:
        if step.stage.writes == "Sequence":
            click.echo(f"packed: {folder}/{step.name}")


@cli.command()
@click.argument("recipe")
@click.option("--root", metavar="DIR", help="Folder of the run.  [default: runs/<recipe name>]")
@click.option("--set", "assignments", multiple=True, metavar="STAGE.KEY=VALUE", help="One setting of one step.")
@json_option
def plan(recipe: str, root: str | None, assignments: Sequence[str], as_json: bool) -> None:
    """Show the DAG of a recipe: what is done, what would run and why.

    \b
    Example:
      arcmill plan quickstart
    """
    from pipelines import runner
    from pipelines.recipe import load_recipe

    loaded = load_recipe(recipe, assignments)
    folder = runner.run_root(loaded, root)
    rows = [
        {
            "step": planned.step.name, "stage": planned.step.stage.name, "engine": planned.step.stage.engine,
            "inputs": loaded.inputs(planned.step, folder), "output": planned.output, "state": planned.state,
            "reason": planned.reason,
        }
        for planned in runner.plan(loaded, folder)
    ]  # fmt: skip
    say(rows, as_json, lambda rows: table([
        (r["state"], r["step"], r["stage"], r["engine"], r["reason"]) for r in rows
    ], ("state", "step", "stage", "engine", "why")))  # fmt: skip


@cli.command()
@json_option
def stages(as_json: bool) -> None:
    """List every stage: reads, writes, engine.

    \b
    Example:
      arcmill stages --json
    """
    rows = []
    for name in STAGES:
        stage = get_stage(name)
        reads = {n: r for n, (r, _) in stage.inputs.items()}
        rows.append({"stage": name, "version": stage.version, "reads": reads, "writes": stage.writes,
                     "engine": stage.engine, "help": stage.help})  # fmt: skip
    say(rows, as_json, lambda rows: table([
        (r["stage"], ", ".join(sorted(set(r["reads"].values()))) or "-", r["writes"], r["engine"], r["help"]) for r in rows
    ], ("stage", "reads", "writes", "engine", "does")))  # fmt: skip


@cli.command()
@click.argument("dataset")
@click.option("--rows", type=click.IntRange(0), default=3, show_default=True, help="Sample rows to show.")
@click.option("--pairs", type=click.IntRange(0), default=0, help="Merged pairs to show, of each band of similarity.")
@click.option(
    "--pairs-csv", metavar="FILE", help="Write merged pairs (--pairs a band, or 20) with an empty label column."
)
@click.option("--labels", metavar="FILE", help="Tell the precision of each band from such a file, once it is labelled.")
@json_option
def inspect(dataset: str, rows: int, pairs: int, pairs_csv: str | None, labels: str | None, as_json: bool) -> None:
    """Show a dataset: schema, counts, score histograms, why rows left, sample rows.

    \b
    Example:
      arcmill inspect runs/quickstart/filtered
      arcmill inspect web-distinct --pairs-csv pairs.csv     then label them 1 or 0, and
      arcmill inspect web-distinct --labels pairs.csv
    """
    from pipelines.inspect import inspect_dataset, render

    if labels:
        from pipelines.pairs import read_labels, render_labels

        say(read_labels(labels), as_json, lambda told: "\n".join(render_labels(told)))
        return
    if pairs_csv:
        from arcmill.dataset import Dataset
        from pipelines.pairs import sample_pairs, with_texts, write_csv

        opened = Dataset.open(dataset)
        write_csv(pairs_csv, with_texts(opened, sample_pairs(opened, pairs or 20)[1]))
        click.echo(pairs_csv)
        return
    say(inspect_dataset(dataset, rows, pairs), as_json, render)


@cli.command()
@click.argument("where", metavar="RUN_DIR|SHARD:ROW:TOKEN")
@click.argument("what", metavar="[ID|SHARD:ROW:TOKEN]", required=False)
@click.option("--tokenizer", metavar="DIR", help="Of a token: its tokenizer, where it is no longer in the run.")
@click.option(
    "--also", multiple=True, metavar="DIR", help="Of a token: a further run or dataset that was read. Repeatable."
)
@json_option
def why(where: str, what: str | None, tokenizer: str | None, also: Sequence[str], as_json: bool) -> None:
    """Tell the way of one document, or of one training token, through every stage of a run.

    SHARD is a Parquet part of packed sequences, or the folder of all of them; rows and tokens count from 0.

    \b
    Example:
      arcmill why runs/quickstart 3f2a9c…
      arcmill why runs/quickstart/packed/part-00003.parquet:17:2048
      arcmill why runs/quickstart packed/part-00003:17:2048
    """
    from pipelines import why as document
    from pipelines import why_token as token
    from pipelines.why_token_text import render

    address = token.parse_address(where) if what is None else token.address_in(where, what)
    if address is not None:
        say(token.explain_token(address, tokenizer, also), as_json, render)
        return
    if what is None:
        raise UsageError(f"why {where}: give RUN_DIR and an ID, or a token as SHARD:ROW:TOKEN")
    if tokenizer is not None or also:
        raise UsageError("why: --tokenizer and --also go with a token, SHARD:ROW:TOKEN")
    say(document.explain(where, what), as_json, document.render)


@cli.command()
@click.argument("run_a", metavar="RUN_A")
@click.argument("run_b", metavar="RUN_B")
@click.option(
    "--step", metavar="NAME", help="Compare the rows of this step (NAME, or NAME_A:NAME_B).  [default: the last ones]"
)
@click.option(
    "--samples", type=click.IntRange(0), default=3, show_default=True, help="Rows to show that one side alone has."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which of them are shown.")
@json_option
def compare(run_a: str, run_b: str, step: str | None, samples: int, seed: int, as_json: bool) -> None:
    """Compare two runs or datasets: overlap, configs and rules, score and length distributions, token mix, samples.

    \b
    Example:
      arcmill compare runs/web runs/web-strict
      arcmill compare runs/web runs/web-strict --step filtered --json
      arcmill compare runs/web/mixed other/mixed
    """
    from pipelines import compare as compared

    say(compared.compare(run_a, run_b, step, samples, seed), as_json, compared.render)


@cli.command()
@click.argument("path")
@click.option("--no-checksums", is_flag=True, help="Skip reading every file for its checksum.")
@click.option(
    "--graph", "graphs", multiple=True, metavar="PATH",
    help="Edge or Node dataset on which search questions are proved again, where it is not beside them. Repeatable.",
)  # fmt: skip
@click.option(
    "--environment", "environments", multiple=True, metavar="NAME=SPEC",
    help="Where an environment of trajectories is: package.module:factory, a search index, or a mapping such as "
    "'{mcp: {command: …}}'. Repeatable.",
)  # fmt: skip
@json_option
def verify(
    path: str, no_checksums: bool, graphs: tuple[str, ...], environments: tuple[str, ...], as_json: bool
) -> None:
    """Check a dataset or a run: manifest, checksums, schema, conservation, and the evidence of synthetic rows.

    Trajectories are played again from their seed, and the rows that come out otherwise are named.

    \b
    Example:
      arcmill verify runs/quickstart
      arcmill verify runs/retail --environment retail=my_worlds.retail:environment
    """
    from pipelines.verify import render, verify_path

    found = verify_path(path, checksums=not no_checksums, graphs=graphs, environments=environments)
    say(found, as_json, render)
    if not found["ok"]:
        raise SystemExit(3)


@cli.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG…")
@click.option(
    "--input", "datasets", multiple=True, metavar="PATH",
    help="Sequence dataset that the run read. Repeatable, in the run's order.  [default: where the log says]",
)  # fmt: skip
@click.option("--content", is_flag=True, help="Also read the rows, and compare their tokens with what was trained on.")
@click.option("--state", metavar="FILE", help="A state of the run's loader (JSON): the logs must reach as far.")
@json_option
def seen(logs: tuple[str, ...], datasets: tuple[str, ...], content: bool, state: str | None, as_json: bool) -> None:
    """Check the logs of a training run (docs/handoff.md): did it see the rows that it should have seen?

    LOG: the files of all ranks, or their folder. Exit status 3 where it did not.

    \b
    Example:
      arcmill seen checkpoints/seen --input runs/web/packed --content
    """
    from pipelines.seen import render, seen_report

    found = seen_report(logs, datasets, content, state)
    say(found, as_json, render)
    if not found["ok"]:
        raise SystemExit(3)


@cli.command()
@click.argument("run_dir")
@click.option("--output", metavar="FILE", help="The page to write.  [default: RUN_DIR/report.html]")
@click.option("--recipe", metavar="RECIPE", help="The run's recipe: steps of it that never began are told too.")
def report(run_dir: str, output: str | None, recipe: str | None) -> None:
    """Write one self-contained HTML page about a run.

    \b
    Example:
      arcmill report runs/quickstart
      arcmill report runs/crawl --recipe web
    """
    from pipelines.report import write_report

    planned = None
    if recipe is not None:
        from pipelines.recipe import step_names

        planned = step_names(recipe)
    click.echo(write_report(run_dir, output, planned))


@cli.command()
@click.argument("path", metavar="RUN_DIR|DATASET")
@json_option
def receipt(path: str, as_json: bool) -> None:
    """Tell what mixtures were asked for, what they hold (unique tokens, repeats), and how they were packed (fill, cuts).

    \b
    Example:
      arcmill receipt runs/pretrain_general
      arcmill receipt runs/pretrain_general/packed --json
    """
    from pipelines.receipt import receipt as receipt_of
    from pipelines.receipt import render

    say(receipt_of(path), as_json, render)


@cli.command()
@json_option
def doctor(as_json: bool) -> None:
    """Tell what this machine has, what is missing, and the command that mends it.

    \b
    Example:
      arcmill doctor
    """
    from pipelines.doctor import examine, render

    found = examine()
    say(found, as_json, render)
    if any(check["state"] == "missing" and check["needed"] for check in found):
        raise SystemExit(4)


class AblateCommand(click.Command):
    """Its settings stand in its help, as those of a stage do; they are imported when they are asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from pipelines.ablate.config import Ablate

        lines = ["\b", "Settings (--set KEY=VALUE):"]
        for key, kind, default, meaning in settings_of(Ablate):
            lines.append(f"  {key} ({kind}, default {default})")
            lines.extend(f"      {line}" for line in _wrap(meaning, 100))
        self.epilog = "\n".join(lines)
        super().format_epilog(ctx, formatter)


@cli.command(cls=AblateCommand)
@click.argument("arms", nargs=-1, required=True, metavar="NAME=PATH...")
@click.option(
    "--heldout", multiple=True, required=True, metavar="NAME=PATH",
    help="Document dataset (or run) to measure on; what an arm holds of it is left out. Repeatable.",
)  # fmt: skip
@click.option("--output", required=True, metavar="DIR", help="Folder of the results; what is done there is taken up.")
@click.option(
    "--tokenizer", metavar="PATH", help="The shared tokenizer.  [default: trained on equal shares of the arms]"
)
@click.option("--config", "config_file", metavar="FILE", help="YAML file with settings.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="One setting; wins over --config.")
@workers_option
@click.option("--quiet", is_flag=True, help="No progress.")
@json_option
def ablate(
    arms: Sequence[str], heldout: Sequence[str], output: str, tokenizer: str | None, config_file: str | None,
    assignments: Sequence[str], workers: int, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Train the same small decoder on equal tokens of two or more datasets or runs, and compare what it learned.

    A name given twice makes one arm of two datasets. Needs torch (pip install 'arcmill[llm]').

    \b
    Example:
      arcmill ablate raw=runs/crawl/ingested ours=runs/crawl/mixed --heldout wiki=wiki-clean --output runs/ablation
      arcmill ablate a=runs/a b=runs/b --heldout clean=held --output out --set size=small --set tokens=2000000 --set seeds=5
    """
    from arcmill.config import assign, parse_assignment, read_yaml, validate
    from pipelines.ablate import run as ablation
    from pipelines.ablate import table as shown
    from pipelines.ablate.config import Ablate

    values = read_yaml(config_file) if config_file else {}
    for text in assignments:
        assign(values, *parse_assignment(text))
    config = validate(Ablate, values, config_file or "ablate")
    told = ablation.ablate(
        named_paths("arm", arms), named_paths("--heldout", heldout), output, config, tokenizer=tokenizer, workers=workers,
        quiet=quiet,
    )  # fmt: skip
    say(told, as_json, shown.terminal)
    if not as_json:
        click.echo(f"{output}/{shown.MARKDOWN}")


def named_paths(what: str, given: Sequence[str]) -> list[tuple[str, str]]:
    """`NAME=PATH` arguments; a name may be given more than once."""
    found = []
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or not path or not all(sign.isalnum() or sign in "_.-" for sign in name) or not name.strip("."):
            raise UsageError(f"{what} {text!r}: expected NAME=PATH, the name of letters, digits and _ . -")
        found.append((name, path))
    return found


# -- search ----------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("index")
@click.argument("query", required=False)
@click.option("--k", type=int, help="How many pages to show, 1 to 20.  [default: 5]")
@click.option("--open", "page", metavar="ID", help="Read this page instead of searching.")
@click.option("--start", type=int, help="Character of the page to begin at, with --open.  [default: 0]")
@json_option
def search(index: str, query: str | None, k: int | None, page: str | None, start: int | None, as_json: bool) -> None:
    """Search an index that index-documents made, as the agents' tools do; --json prints what an agent is given.

    \b
    Example:
      arcmill search runs/x/index 'who maintains numpy' --k 3
      arcmill search runs/x/index --open 3f2a9c… --start 4000
    """
    from arcmill.search import SearchIndex, answer
    from pipelines.search import render

    if (query is None) == (page is None):
        raise UsageError("search: give words to look for, or --open ID")
    if (k is not None and page is not None) or (start is not None and page is None):
        raise UsageError("search: --k goes with a query, --start with --open")
    tool, given = ("search", {"query": query, "k": k}) if page is None else ("open", {"id": page, "start": start})
    text, wrong = answer(SearchIndex.open(index), tool, given)
    if wrong and not as_json:
        raise UsageError(f"search: {json.loads(text)['error']}")
    click.echo(text if as_json else render(text))
    if wrong:
        raise SystemExit(2)


@cli.command("serve-search")
@click.argument("index")
@click.option(
    "--transport", type=click.Choice(["stdio", "http"]), default="stdio", show_default=True, help="How clients connect."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at, with http.")
@click.option("--port", type=click.IntRange(1, 65535), default=8765, show_default=True, help="Port, with http.")
def serve_search(index: str, transport: str, host: str, port: int) -> None:
    """Serve the tools `search` and `open` over an index as an MCP server, on stdio or at http://HOST:PORT/mcp.

    \b
    Example:
      arcmill serve-search runs/x/index
      arcmill serve-search runs/x/index --transport http --port 8765
    """
    from arcmill.search import SearchIndex
    from arcmill.search.serve import serve_http, serve_stdio

    opened = SearchIndex.open(index)
    if transport == "stdio":
        serve_stdio(opened)
    else:
        serve_http(opened, host, port)


@cli.group(context_settings=CONTEXT)
def review() -> None:
    """Have people accept, edit or refuse rows: a table (CSV) and a local form (HTML) out, their decisions back.

    \b
    Example:
      arcmill review export suggested --output review.csv --html review.html
      arcmill review import review.csv --input suggested --output reviewed --by 'A. Name' --at 2026-11-22
    """


@review.command("export")
@click.argument("dataset")
@click.option("--output", required=True, metavar="FILE", help="The CSV table to write (UTF-8 with a byte order mark).")
@click.option("--html", metavar="FILE", help="Also write a form: one HTML file that needs no network and no server.")
@click.option("--limit", type=click.IntRange(1), help="Rows to write, drawn by --seed.  [default: all]")
@click.option("--seed", type=int, default=0, show_default=True, help="Which rows are drawn, where there is a limit.")
@click.option("--again", is_flag=True, help="Also rows that were accepted or edited before.")
def review_export(dataset: str, output: str, html: str | None, limit: int | None, seed: int, again: bool) -> None:
    """Write Problem rows as a table, and as a form, for people to decide.

    \b
    Example:
      arcmill review export runs/search_qa/questions --output review.csv --html review.html --limit 100
    """
    from pipelines.review import export

    counts = export(dataset, output, html, limit, seed, again)
    more = "".join(
        f", {counts[key]:,} {told}"
        for key, told in (("decided", "decided before"), ("left_out", "left out by --limit"))
        if counts[key]
    )
    click.echo(f"{counts['written']:,} rows{more}", err=True)
    for path in (output, html):
        if path is not None:
            click.echo(path)


@review.command("import")
@click.argument("file")
@click.option("--input", "dataset", required=True, metavar="DATASET", help="The Problem dataset that was exported.")
@click.option("--output", required=True, metavar="PATH", help="Folder of the reviewed Problem dataset to make.")
@click.option("--by", metavar="NAME", help="Who decided, for rows that do not say.")
@click.option("--at", metavar="DATE", help="When, for rows that do not say, such as 2026-11-22.")
@click.option("--delimiter", default=",", show_default=True, metavar="SIGN", help="Between the cells of the CSV file.")
@click.option("--keep-undecided", is_flag=True, help="Keep rows without a decision; else they leave as not-reviewed.")
@workers_option
@click.option("--force", is_flag=True, help="Rebuild an output that was made from something else.")
@click.option("--quiet", is_flag=True, help="No progress.")
def review_import(
    file: str, dataset: str, output: str, by: str | None, at: str | None, delimiter: str, keep_undecided: bool,
    workers: int, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Take back a filled-in table (CSV), or what the form saved (CSV or JSON), by the stage apply-review.

    \b
    Example:
      arcmill review import review.csv --input suggested --output reviewed --by 'A. Name' --at 2026-11-22
    """
    from arcmill.config import validate
    from arcmill.execute import execute
    from arcmill.progress import Progress
    from pipelines.runner import summary

    stage = get_stage("apply-review")
    values = {
        "review": file,
        "by": by,
        "at": at,
        "delimiter": delimiter,
        "undecided": "keep" if keep_undecided else "drop",
    }
    result = execute(
        stage, validate(stage.config, values, "review import"), {"input": [dataset]}, output, workers=workers, force=force,
        progress=Progress(stage.name, quiet),
    )  # fmt: skip
    if not quiet:
        said = "done before, skipped" if result.skipped else f"{result.seconds:.1f} s"
        click.echo(f"{stage.name}: {summary(result.dataset.manifest)}  {said}", err=True)
    click.echo(output)


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Plain columns; the last one is cut to the terminal."""
    import shutil

    widths = [max(len(str(cell)) for cell in column) for column in zip(header, *rows, strict=True)]
    room = max(20, shutil.get_terminal_size((140, 24)).columns - sum(widths[:-1]) - 2 * (len(widths) - 1))
    lines = []
    for row in (header, *rows):
        *cells, last = (str(cell).replace("\n", " ") for cell in row)
        last = last if len(last) <= room or not sys.stdout.isatty() else last[: room - 1] + "…"
        lines.append(
            "  ".join([*(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)), last]).rstrip()
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: exit status 0, 2, 3, 4 or 130; a traceback only with --debug."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    if debug:
        arguments = ["--debug", *(a for a in arguments if a != "--debug")]
    signal.signal(signal.SIGTERM, _terminated)
    gc.set_threshold(50_000, 20, 20)  # rows make many objects and hardly any cycles
    try:
        cli.main(args=arguments, prog_name="arcmill", standalone_mode=False)
    except SystemExit as error:  # of a command that has said all: verify, doctor
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except ArcmillError as error:
        if debug:
            raise
        click.echo(f"arcmill: {error}", err=True)
        status = error.exit_status
    except (KeyboardInterrupt, click.Abort):
        click.echo("arcmill: interrupted; finished parts are kept, run the same command again", err=True)
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except Exception as error:
        if debug:
            raise
        from arcmill.storage import no_space

        known = no_space(error)
        told = str(known) if known else f"{type(error).__name__}: {error} (a bug? --debug shows where)"
        click.echo(f"arcmill: {told}", err=True)
        status = 4
    else:
        status = 0
    _leave(status)


def _leave(status: int) -> NoReturn:
    """End the process after Python's own clean-up, without that of C++ libraries.

    Arrow's threads may still be winding down; where a library's destructor meets one, it aborts the process, and a
    finished command would end with status 134 now and then.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _terminated(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
