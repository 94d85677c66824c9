"""Entry point of the service's process: `python -m service.supervisor [--config FILE] [--with-stdin]`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from ensemble.errors import EnsembleError
from ensemble.home import home
from miners.errors import MinerError
from service.config import load_config
from service.errors import ServiceError
from service.runtime_state import logs_dir
from service.supervisor.daemon import Supervisor, new_run


def main() -> None:
    """Runs one service until it is asked to stop; exits 1 with one line if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m service.supervisor", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="YAML file with settings")
    parser.add_argument("--with-stdin", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    os.environ["HUNGJURY_HOME"] = str(home())
    log_to_file()
    try:
        supervisor = Supervisor(load_config(arguments.config), run=new_run())
        if arguments.with_stdin:
            threading.Thread(target=_end_with_stdin, daemon=True).start()
        supervisor.run()
    except (ServiceError, MinerError, EnsembleError, OSError) as error:
        logging.getLogger("hungjury").exception("the service ends")
        sys.exit(f"error: {error}")


def log_to_file() -> None:
    """Sends the log of this process to `<home>/logs/supervisor.log`."""
    logging.basicConfig(
        filename=logs_dir() / "supervisor.log",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )


def _end_with_stdin() -> None:
    """So that the service cannot outlive the program that wanted it."""
    # Unbuffered: a thread that holds the buffer's lock when the process ends is a fatal error of the interpreter.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
