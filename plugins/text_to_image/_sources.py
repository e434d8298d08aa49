"""Where a pipeline comes from: the bundled one, a local folder, a repository on the hub or a mirror of it."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from moss_agent.errors import PluginError, UsageError, said_by
from moss_agent.plugin_host import report
from moss_agent.resources import read_text

from ._request import TABLE

BUNDLED = {"doodle": Path(__file__).parent / "doodle"}
PICKLED = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}  # weights that are programs: loading runs them
HEARTBEAT = 0.5  # seconds between two looks at whether somebody still waits for the download
LOCAL = "folder:"  # what the fingerprint of a local folder begins with
LONGEST_INDEX = 1_000_000  # bytes of model_index.json
EDGE = 1 << 16  # bytes at both ends of a file of weights that its fingerprint sees


@dataclass(frozen=True)
class Source:
    """A pipeline folder that is safe to load. revision: a commit of the hub, or a fingerprint of a local folder."""

    folder: Path
    revision: str
    index: dict[str, Any]  # of model_index.json


def locate(name: str, revision: str) -> Source:
    """Return the folder of the pipeline, downloaded if need be.

    Raises UsageError if the setting names no folder, PluginError if the pipeline cannot be had or is not safe.
    """
    try:
        local = BUNDLED.get(name) or Path(name).expanduser()
        is_local = local.is_dir()
    except (OSError, RuntimeError) as error:  # a name too long, a home directory that is not there
        raise UsageError(f"there is no pipeline folder {name[:40]}: correct pipeline under {TABLE}") from error
    if is_local:
        index = checked(local, name)
        return Source(local, fingerprint(local), index)
    if revision.startswith(LOCAL):
        raise PluginError(f"the picture was drawn by a pipeline in the folder {name}, which is not here: name another")
    folder = waiting(lambda: fetch(name, revision))
    return Source(folder, folder.name, checked(folder, name))


def fetch(name: str, revision: str) -> Path:
    """Return the snapshot folder of a pipeline on the hub, downloaded unless the cache has it; named by its commit."""
    from diffusers import DiffusionPipeline
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
    from huggingface_hub.utils import enable_progress_bars

    enable_progress_bars()  # which `quiet` stopped, but a download of gigabytes should be seen
    try:
        return Path(DiffusionPipeline.download(name, revision=revision or None, use_safetensors=True))
    except HFValidationError as error:
        raise UsageError(f"there is no pipeline folder {name}: correct pipeline under {TABLE}") from error
    except Exception as error:  # besides the hub's errors those of its HTTP client, the disk and diffusers
        cause = error.__cause__ or error
        what = (
            f"the pipeline {name} cannot be fetched and is not in the cache: check the network, "
            f"set HF_ENDPOINT to a mirror, or name a local folder ({said_by(cause)})"
        )
        if isinstance(cause, RepositoryNotFoundError):
            what = f"the hub shows no pipeline {name}: correct the name, or log in with `hf auth login` if it is gated"
        if "necessary `safetensors` weights" in str(error) or "trust_remote_code" in str(error):
            what = unsafe(name)
        raise PluginError(what) from error


def waiting(work: Callable[[], Path]) -> Path:
    """Return what `work` gives, done in a thread, so that a call that is given up can end before it."""
    done: Future[Path] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    while True:
        try:
            return done.result(HEARTBEAT)
        except NotYet:
            report(0, 0)


def checked(folder: Path, name: str) -> dict[str, Any]:
    """Return what model_index.json says. Raises PluginError if loading would run code that the folder brings."""
    from diffusers import pipelines

    try:
        index = dict(json.loads(read_text(folder / "model_index.json", LONGEST_INDEX)))
        index["_class_name"]  # without it diffusers would not know what to load
    except (UsageError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise PluginError(f"{name} is no pipeline folder: it has no readable model_index.json") from error
    parts = {part: value[0] for part, value in index.items() if isinstance(value, list) and value and value[0]}
    for part, library in parts.items():
        known = library in ("diffusers", "transformers") or hasattr(pipelines, str(library))
        kinds = {file.suffix for file in (folder / part).glob("*")}
        if part == "_class_name" or not known or (kinds & PICKLED and ".safetensors" not in kinds):
            raise PluginError(unsafe(name))
    if any(folder.rglob("*.py")):
        raise PluginError(unsafe(name))
    return index


def fingerprint(folder: Path) -> str:
    """Return a name that changes with the folder's configuration and its weights' ends. Raises PluginError."""
    digest = hashlib.sha256()
    kinds = (".json", ".safetensors", ".txt")
    try:
        for file in sorted(file for file in folder.rglob("*") if file.suffix in kinds and file.is_file()):
            digest.update(f"{file.relative_to(folder)} {file.stat().st_size}".encode())
            with file.open("rb") as content:
                digest.update(content.read(EDGE))
                content.seek(-min(EDGE, file.stat().st_size), 2)
                digest.update(content.read(EDGE))
    except OSError as error:
        raise PluginError(f"the pipeline folder {folder} cannot be read: {said_by(error)}") from error
    return LOCAL + digest.hexdigest()[:12]


def unsafe(name: str) -> str:
    return f"the pipeline {name} has pickled weights or code of its own, which are never run: name another one"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' advice and loading bars off the screen, where an answer is streaming."""
    with ExitStack() as afterwards:
        afterwards.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # what diffusers says to its own developers, already when it is imported
        from diffusers.utils import logging as diffusers_log
        from transformers.utils import logging as transformers_log

        bitsandbytes = logging.getLogger("bitsandbytes")
        afterwards.callback(bitsandbytes.setLevel, bitsandbytes.level)
        bitsandbytes.setLevel(logging.ERROR)
        for log in (diffusers_log, transformers_log):
            afterwards.callback(log.set_verbosity, log.get_verbosity())
            log.set_verbosity_error()
            if log.is_progress_bar_enabled():
                afterwards.callback(log.enable_progress_bar)
                log.disable_progress_bar()
        yield
