"""The command line: one command a stage, made from its declaration, and the commands about runs (DESIGN section 3)."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from arcmill.errors import ArcmillError
from pipelines.catalogue import STAGES
from pipelines.commands.ablate import ablate
from pipelines.commands.card import card
from pipelines.commands.inspect import compare, inspect
from pipelines.commands.options import CONTEXT
from pipelines.commands.report import receipt, report
from pipelines.commands.review import review
from pipelines.commands.run import plan, run
from pipelines.commands.search import search, serve_search
from pipelines.commands.settings import settings_of
from pipelines.commands.shown import harmless
from pipelines.commands.stage import stage_command
from pipelines.commands.stages import doctor, stages
from pipelines.commands.verify import seen, verify
from pipelines.commands.why import why

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["cli", "main", "review", "settings_of", "stage_command"]


class Commands(click.Group):
    """Commands about runs, and one per stage of the catalogue, imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *STAGES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in STAGES or ":" in cmd_name:  # of arcmill, or module:NAME of the user's own
            return stage_command(cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Runs"):
            formatter.write_dl([(name, command.get_short_help_str(90)) for name, command in self.commands.items()])
        with formatter.section("Stages (arcmill STAGE --help)"):
            formatter.write_dl([(name, listed.help) for name, listed in STAGES.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click does it, with the catalogue's lines for stages: a press of the tab key imports none."""
        from click.shell_completion import CompletionItem

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


for command in (
    run, plan, stages, inspect, why, compare, verify, seen, report, receipt, card, doctor, ablate, search, serve_search, review,
):  # fmt: skip
    cli.add_command(command)


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
        click.echo(f"arcmill: {_told(str(error))}", err=True)
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
        from arcmill.remote import out_of_reach
        from arcmill.storage import no_space

        known = no_space(error) or out_of_reach(error)
        told = str(known) if known else f"{type(error).__name__}: {error} (a bug? --debug shows where)"
        click.echo(f"arcmill: {_told(told)}", err=True)
        status = known.exit_status if known else 4
    else:
        status = 0
    _leave(status)


def _told(message: str) -> str:
    """What an error says, for a terminal and whatever keeps its output: it may quote data, paths and URLs of the command."""
    from arcmill.config import without_credentials

    return harmless(without_credentials(message))


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
