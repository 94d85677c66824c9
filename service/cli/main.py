"""The command `hungjury`: its groups of commands put together, and how errors reach the person who typed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from service.cli import (
    artifacts,
    auditing,
    campaigns,
    data,
    dead,
    demo,
    doctor,
    drill,
    evaluate,
    findings,
    gold,
    importing,
    keys,
    mine,
    prepare,
    raters,
    replay,
    score,
    serve,
    status,
    task,
    traffic,
    train,
)
from service.cli.interrupts import plain_interrupts
from service.cli.output import printable, say
from service.profile import apply_threads

USAGE = 2
FAILED = 1

app = typer.Typer(
    name="hungjury",
    help="Finds the mistakes of a safety classifier before the world does.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (
    serve,
    status,
    score,
    mine,
    campaigns,
    replay,
    task,
    train,
    evaluate,
    artifacts,
    data,
    findings,
    importing,
    traffic,
    raters,
    gold,
    dead,
    keys,
    auditing,
    drill,
    doctor,
    prepare,
    demo,
):
    module.add_to(app)


def run() -> None:
    """Entry point of the installed command."""
    apply_threads()
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit status: 0, 1 failed, 2 bad usage or input.

    Errors are one line on standard error; HUNGJURY_DEBUG=1 lets them through with their traceback.
    """
    try:
        with plain_interrupts():
            result = app(list(arguments), prog_name="hungjury", standalone_mode=False)
    except (SystemExit, typer.Exit) as ending:
        code = getattr(ending, "exit_code", getattr(ending, "code", 0))
        return code if isinstance(code, int) else FAILED
    except (KeyboardInterrupt, typer.Abort):
        say("stopped")
        return FAILED
    except BrokenPipeError:
        # Whoever read our output has read enough; what is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get("HUNGJURY_DEBUG"):
            raise
        return report(error)
    return result if isinstance(result, int) else 0


def report(error: Exception) -> int:
    """Says in one line what went wrong, and returns the exit status."""
    from ensemble.errors import EnsembleError, InputError
    from miners.errors import MinerError
    from service.errors import ServiceError

    usage = getattr(error, "format_message", None)
    if usage is not None:  # what typer raises for a wrong command line; empty where it showed the help instead
        if message := usage():
            say(f"error: {printable(message)}")
        return USAGE
    if isinstance(error, InputError):
        field = f"{error.field} " if error.field and not str(error).startswith(error.field) else ""
        say(f"error: {printable(field + str(error))}")
        return USAGE
    if isinstance(error, (EnsembleError, MinerError, ServiceError, OSError)):
        say(f"error: {printable(str(error))}")
        return FAILED
    say(f"error: unexpected {type(error).__name__}: {printable(str(error), 500)}; HUNGJURY_DEBUG=1 shows where")
    return FAILED


if __name__ == "__main__":
    run()
