"""Import plugin modules in a process of their own first: one that hangs, crashes or exits ends nothing else there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from moss_agent.errors import PluginContractError, UsageError
from moss_agent.plugin_host.reasons import reason
from moss_agent.worker_process import Worker, WorkerDied, WorkerTimeout

SECONDS = 20.0  # for importing one module
START_SECONDS = 60.0  # for starting the process
MEMORY = 16 << 30  # bytes of address space: large libraries reserve far more than they use


def check_imports(load: Callable[[str], object], sources: Iterable[str]) -> dict[str, PluginContractError]:
    """Import each source by `load` in another process; an error for each that must not be imported in this one.

    A source that raises an ordinary exception is no danger: importing it here says what is wrong.
    """
    worker, refused = None, {}
    for source in sources:
        worker = worker or _started()
        try:
            problem = worker.call(_try_import, load, source, seconds=SECONDS)
        except WorkerTimeout:
            problem, worker = f"its import takes longer than {SECONDS:g} s: do in the function what takes long", None
        except WorkerDied:
            problem, worker = "its import ends the process: do in the function what crashes or exits", None
        if problem:
            refused[source] = PluginContractError(_name(source), f"{source} does not load: {problem}")
    if worker:
        worker.kill()  # before the same is imported here: it may hold a file or a port
    return refused


def _try_import(load: Callable[[str], object], source: str) -> str:
    """Return, in the other process, what is wrong with a source that must not be imported elsewhere, if anything."""
    try:
        load(source)
    except Exception as error:
        reason(error)  # asking for it is as dangerous
    except BaseException as error:
        return reason(error)
    return ""


def _name(source: str) -> str:
    return Path(source).stem if Path(source).is_absolute() else source


def _started() -> Worker:
    try:
        worker = Worker(MEMORY)
        worker.call(int, seconds=START_SECONDS)
        return worker
    except (OSError, WorkerDied, WorkerTimeout) as error:
        raise UsageError(f"no process could be started to try plugins in: {error}") from error
