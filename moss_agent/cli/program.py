"""The process of the command line: plugins and libraries can neither take its streams nor keep it from ending."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from moss_agent.cli import main, streams

LAST_SECONDS = 20.0  # for everything that wants to be called at the end


def run() -> NoReturn:
    """Run the command line of this process and end it with the exit code."""
    try:
        streams.take()
        code = main()
    except KeyboardInterrupt:  # one more, while the first was being handled
        code = 130
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End the process as the interpreter does, but for the threads that it would wait for."""
    last = threading.Timer(LAST_SECONDS, os._exit, [code])
    last.daemon = True
    last.start()
    try:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
    finally:
        os._exit(code)
