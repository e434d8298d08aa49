"""The process of the command line: plugins and libraries can neither take its streams nor keep it from ending."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from moss_agent.cli import main, streams
from moss_agent.cli.text import one_line

LAST_SECONDS = 20.0  # for everything that wants to be called at the end


def run() -> NoReturn:
    """Run the command line of this process and end it with the exit code."""
    if "--debug" not in sys.argv:
        threading.excepthook = partial(_note, "a thread")
        sys.unraisablehook = partial(_note, "a finalizer")
    try:
        streams.take()
        code = main()
    except KeyboardInterrupt:  # one more, while the first was being handled
        code = 130
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    _leave(code)


def _note(place: str, failed: Any) -> None:
    """Say in one line what was raised where nobody can catch it, by plugins and libraries; it ends nothing."""
    from moss_agent.plugin_host.reasons import reason

    if failed.exc_type is not SystemExit:
        print(f"note: {place} failed: {one_line(reason(failed.exc_value))}", file=sys.stderr)


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
