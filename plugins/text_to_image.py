"""Text2Image("description"): a picture drawn by any text-to-image pipeline that diffusers can load.

    [plugins.text_to_image]
    pipeline = "stabilityai/sd-turbo"    # a name on the hub, or a local pipeline folder
    steps = 2                            # this and the rest: without them the pipeline's own defaults
    guidance = 0.0
    size = "512x512"                     # width x height
    negative = "blurry"
    seed = 7                             # without it a new one for each picture
    revision = "main"
    directory = "images"

The pipeline is loaded on the first call and kept; one picture is drawn at a time. Weights are read
from safetensors only and code that a pipeline brings along is never run.
Not covered yet: a bundled pipeline, defaults per family, offloading, progress, cancelling.
"""

from __future__ import annotations

import inspect
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import randbelow
from time import monotonic
from typing import TYPE_CHECKING, Any

from moss_agent.errors import MissingDependency, PluginError, PluginTimeout
from moss_agent.events import Picture
from moss_agent.plugin_host.contract import plugin

from ._picture_files import save, writable

if TYPE_CHECKING:
    from PIL.Image import Image

TIMEOUT = 600.0  # seconds for one call, the first one's loading included
LIMIT = 570.0  # seconds after which drawing stops by itself, before the host abandons the call
TABLE = "[plugins.text_to_image]"
JOINERS = "\u200c\u200d"  # invisible, but scripts and emoji need them
PICKLED = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}  # weights that are programs: loading runs them
NO_PIPELINE = (
    "no pipeline to draw with: write these lines into the settings file: "
    f'{TABLE} / pipeline = "stabilityai/sd-turbo" / steps = 2 / guidance = 0.0'
)

Pipeline = Callable[..., Any]  # diffusers' own base class declares no __call__

_one_at_a_time = threading.Lock()
_kept: dict[tuple[str, str], tuple[Pipeline, str]] = {}  # at most one: what `load` last returned


@plugin("Text2Image", label="Text-to-image", timeout=TIMEOUT)
def text_to_image(
    description: str,
    *,
    pipeline: str = "",
    directory: str = "images",
    steps: int | None = None,
    guidance: float | None = None,
    size: str = "",
    seed: int | None = None,
    negative: str = "",
    revision: str = "",
) -> Picture:
    """Draw the description; the settings are those of the module's docstring, None and "" mean the default.

    The same pipeline, description and settings with the same seed give the same file on the same device.
    Raises PluginError, or MissingDependency without diffusers.
    """
    deadline = monotonic() + LIMIT
    description = " ".join("".join(c if c.isprintable() or c in JOINERS else " " for c in description).split())
    if not description:
        raise PluginError("the description of the picture is empty")
    if not pipeline:
        raise PluginError(NO_PIPELINE)
    seed = randbelow(2**32) if seed is None else seed
    asked = options(steps, guidance, negative, size)
    folder = writable(directory)
    with turn(), quiet():
        pipe, commit = load(pipeline, revision)
        image = draw(pipe, description, asked, seed, deadline)
    details = {"pipeline": pipeline, "revision": commit, "seed": seed, **effective(pipe, asked)}
    details["size"] = f"{image.width}x{image.height}"
    return Picture(str(save(image, folder, description, details)), description, details)


def options(steps: int | None, guidance: float | None, negative: str, size: str) -> dict[str, Any]:
    """The settings that are given, under the names that diffusers uses."""
    given: dict[str, Any] = {"num_inference_steps": steps, "guidance_scale": guidance}
    if steps is not None and steps < 1:
        raise PluginError(f"steps = {steps} under {TABLE} must be 1 or more")
    if negative:
        given["negative_prompt"] = negative
    if size:
        numbers = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", size)
        if not numbers:
            raise PluginError(f'size = "{size}" under {TABLE} must look like "512x512": width x height in pixels')
        given |= {"width": int(numbers[1]), "height": int(numbers[2])}
    return {name: value for name, value in given.items() if value is not None}


def load(name: str, revision: str) -> tuple[Pipeline, str]:
    """The pipeline, kept from the last call if it is the same, and the commit of one from the hub, else ""."""
    if (name, revision) not in _kept:
        _kept.clear()  # two would rarely fit
        local = Path(name).expanduser()
        folder = local if local.is_dir() else fetch(name, revision)
        _kept[name, revision] = assemble(folder, name), "" if folder == local else folder.name
    return _kept[name, revision]


@contextmanager
def turn() -> Iterator[None]:
    """Wait for the pictures before this one."""
    if not _one_at_a_time.acquire(timeout=LIMIT):
        raise PluginTimeout("the pictures before this one are not ready yet: ask again later")
    try:
        yield
    finally:
        _one_at_a_time.release()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' advice and loading bars off the screen, where an answer is streaming."""
    try:
        from diffusers.utils import logging as diffusers_log
        from transformers.utils import logging as transformers_log
    except ImportError as error:
        raise MissingDependency("diffusers", "images") from error
    with ExitStack() as afterwards:
        for log in (diffusers_log, transformers_log):
            afterwards.callback(log.set_verbosity, log.get_verbosity())
            log.set_verbosity_error()
            if log.is_progress_bar_enabled():
                afterwards.callback(log.enable_progress_bar)
                log.disable_progress_bar()
        yield


def fetch(name: str, revision: str) -> Path:
    """The snapshot folder of a pipeline on the hub, downloaded unless the cache has it; named by its commit."""
    from diffusers import DiffusionPipeline
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
    from huggingface_hub.utils import enable_progress_bars

    enable_progress_bars()  # which `quiet` stopped, but a download of gigabytes should be seen
    try:
        return Path(DiffusionPipeline.download(name, revision=revision or None, use_safetensors=True))
    except HFValidationError as error:
        raise PluginError(f"there is no pipeline folder {name}: correct pipeline under {TABLE}") from error
    except Exception as error:  # besides the hub's errors those of its HTTP client, the disk and diffusers
        cause = error.__cause__ or error
        what = (
            f"the pipeline {name} cannot be fetched and is not in the cache: check the network, "
            f"set HF_ENDPOINT to a mirror, or name a local folder ({one_line(cause)})"
        )
        if isinstance(cause, RepositoryNotFoundError):
            what = f"the hub shows no pipeline {name}: correct the name, or log in with `hf auth login` if it is gated"
        if "safetensors" in str(error) or "remote_code" in str(error):
            what = unsafe(name)
        raise PluginError(what) from error


def assemble(folder: Path, name: str) -> Pipeline:
    """The pipeline in the folder, on the best device there is, in the precision that suits both."""
    import torch
    from diffusers import AutoPipelineForText2Image

    config = checked(folder, name)
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    # The activations of diffusion transformers overflow float16.
    half = torch.bfloat16 if "transformer" in config else torch.float16
    dtype = torch.float32 if device == "cpu" else half
    try:
        made = AutoPipelineForText2Image.from_pretrained(folder, use_safetensors=True, dtype=dtype).to(device)
    except Exception as error:  # diffusers, transformers, safetensors and torch share no base class
        raise failure(f"the pipeline {name} cannot be loaded", error) from error
    made.set_progress_bar_config(disable=True)
    return made


def checked(folder: Path, name: str) -> dict[str, Any]:
    """What model_index.json says. Raises PluginError if loading would run code that the folder brings."""
    from diffusers import pipelines

    try:
        config = dict(json.loads((folder / "model_index.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise PluginError(f"{name} is no pipeline folder: it has no readable model_index.json") from error
    parts = {part: value[0] for part, value in config.items() if isinstance(value, list) and value and value[0]}
    for part, library in parts.items():
        known = library in ("diffusers", "transformers") or hasattr(pipelines, str(library))
        kinds = {file.suffix for file in (folder / part).glob("*")}
        if part == "_class_name" or not known or (kinds & PICKLED and ".safetensors" not in kinds):
            raise PluginError(unsafe(name))
    if any(folder.rglob("*.py")):
        raise PluginError(unsafe(name))
    return config


def unsafe(name: str) -> str:
    return f"the pipeline {name} has pickled weights or code of its own, which are never run: name another one"


def draw(pipe: Pipeline, description: str, asked: dict[str, Any], seed: int, deadline: float) -> Image:
    """The picture. Stops between two steps, with PluginTimeout, when `deadline` (of `monotonic`) is past."""
    import torch

    accepted = inspect.signature(pipe).parameters
    for name in asked.keys() - accepted.keys():
        raise PluginError(f"{type(pipe).__name__} knows no {name}: remove that setting from {TABLE}")

    def stop_late(_: object, step: int, __: object, tensors: dict[str, Any]) -> dict[str, Any]:
        if monotonic() > deadline:
            raise PluginTimeout(
                f"only at step {step + 1} when time was up: set fewer steps or a smaller size in {TABLE}"
            )
        return tensors

    # A few old pipelines have no such callback and cannot be stopped.
    watched = {"callback_on_step_end": stop_late} if "callback_on_step_end" in accepted else {}
    try:
        # Numbers drawn on the CPU are the same whatever the device.
        result = pipe(prompt=description, generator=torch.Generator("cpu").manual_seed(seed), **asked, **watched)
    except PluginError:
        raise
    except Exception as error:  # whatever a pipeline makes of settings that it cannot work with
        raise failure("the pipeline cannot draw this", error) from error
    if any(getattr(result, "nsfw_content_detected", None) or ()):
        raise PluginError("the pipeline's safety checker refused the picture: describe something else")
    return result.images[0]


def effective(pipe: Pipeline, asked: dict[str, Any]) -> dict[str, Any]:
    """The steps, guidance and negative prompt that a picture was drawn with, the pipeline's defaults included."""
    names = {"steps": "num_inference_steps", "guidance": "guidance_scale", "negative": "negative_prompt"}
    accepted = inspect.signature(pipe).parameters
    used = {key: asked.get(name, accepted[name].default) for key, name in names.items() if name in accepted}
    return {key: value for key, value in used.items() if value is not None}


def failure(what: str, error: Exception) -> PluginError:
    """The error in one line, with what to do if that is known."""
    text = one_line(error)
    if isinstance(error, MemoryError) or re.search("(out of|not enough|allocate) memory", text):
        text = f"out of memory; set a smaller size or a smaller pipeline under {TABLE}"
    return PluginError(f"{what}: {text}")


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
