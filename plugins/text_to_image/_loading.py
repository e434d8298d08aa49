"""From a request to a pipeline that is ready to draw."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from moss_agent.engine.loading import DTYPES, choose_dtype, limit_libraries
from moss_agent.errors import PluginError, said_by

from ._families import defaults
from ._placement import Placement, memory_for, place, sizes
from ._request import TABLE, Request
from ._sources import Source, locate, quiet

if TYPE_CHECKING:
    import torch

SHORT = {f"torch.{long}": short for short, long in DTYPES.items()}


class Pipeline(Protocol):
    """What is asked of every pipeline: diffusers' own base class declares no __call__."""

    def __call__(self, **arguments: Any) -> Any: ...

    def maybe_free_model_hooks(self) -> None: ...

    def set_progress_bar_config(self, *, disable: bool) -> None: ...


@dataclass(frozen=True)
class Loaded:
    """A pipeline with what is known about it. defaults: arguments that suit it; things: all it can draw, if it says."""

    pipe: Pipeline
    name: str
    revision: str
    dtype: str
    defaults: dict[str, Any]
    things: frozenset[str]


def load(request: Request, device: torch.device) -> Loaded:
    """Return the pipeline on the device, or as much of it as fits. Raises PluginError, UsageError."""
    limit_libraries()
    with quiet():
        name = request.pipeline
        source = locate(name, request.revision)
        dtype = precision(request.dtype, device, source)
        parts = sizes(source.folder, source.index.keys(), dtype.itemsize)
        placement = place(parts, *memory_for(device), name)
        pipe = assemble(source, name, dtype)
        settle(pipe, placement, device, name)
    listed = source.folder / "things.txt"
    things = frozenset(listed.read_text("utf-8", "replace").split("\n")) if listed.is_file() else frozenset()
    return Loaded(pipe, name, source.revision, SHORT[str(dtype)], defaults(pipe, name), things)


def precision(wanted: str, device: torch.device, source: Source) -> torch.dtype:
    """Return the engine's choice, but never fp16 for diffusion transformers: their activations overflow."""
    import torch

    chosen = choose_dtype(wanted, device)
    if wanted == "auto" and chosen is torch.float16 and "transformer" in source.index:
        return torch.bfloat16
    return chosen


def assemble(source: Source, name: str, dtype: torch.dtype) -> Pipeline:
    """Return the pipeline in the folder, in the memory of the processor."""
    from diffusers import AutoPipelineForText2Image

    try:
        pipe: Pipeline = AutoPipelineForText2Image.from_pretrained(source.folder, use_safetensors=True, dtype=dtype)
    except Exception as error:  # diffusers, transformers, safetensors and torch share no base class
        raise failure(f"the pipeline {name} cannot be loaded", error) from error
    pipe.set_progress_bar_config(disable=True)
    return pipe


def settle(pipe: Any, placement: Placement, device: torch.device, name: str) -> None:
    """Put the pipeline where it is to draw."""
    try:
        if placement.slicing:
            pipe.enable_attention_slicing()
        if placement.offload == "model":
            pipe.enable_model_cpu_offload(device=device)
        elif placement.offload == "sequential":
            pipe.enable_sequential_cpu_offload(device=device)
        else:
            pipe.to(device)
    except Exception as error:
        raise failure(f"the pipeline {name} cannot be put on {device}", error) from error


def failure(what: str, error: Exception, size: str = "") -> PluginError:
    """Return the error in one line, with what to do if that is known. size: of the picture, if one was being drawn."""
    text = said_by(error)
    if isinstance(error, MemoryError) or re.search("(out of|not enough|allocate) memory", text):
        smaller = halved(size) if size else ""
        remedy = f'size = "{smaller}" or a smaller pipeline' if smaller else "a smaller pipeline"
        text = f"out of memory; set {remedy} under {TABLE}"
    return PluginError(f"{what}: {text}")


def halved(size: str) -> str:
    """Return half the width and height, in the multiples of 64 that every pipeline takes; "" if that is nothing."""
    sides = [int(side) // 2 // 64 * 64 for side in size.split("x")]
    return "x".join(map(str, sides)) if min(sides) else ""
