"""One picture, step by step: shown as it goes, stopped when nobody waits for it or its time is up."""

from __future__ import annotations

import inspect
import io
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from moss_agent.errors import PluginError, PluginTimeout, UsageError
from moss_agent.plugin_host import report

from ._families import argument
from ._loading import Loaded, failure
from ._reading import notices
from ._request import TABLE, Request
from ._sources import quiet

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from ._pipeline_queue import PipelineQueue

CHEAP = 128 * 128  # pixels of a picture that is decoded for a preview at every step
AS_WRITTEN = {"clean_caption": False, "skip_text_cleaning": True}  # cleaning is for web pages; it deletes Chinese
Accepted = Mapping[str, inspect.Parameter]  # what a pipeline's __call__ takes
BINNED = 256  # pixels from which on pipelines know the shapes that they draw best


@dataclass(frozen=True)
class Drawing:
    """A picture with what it was made from and what people should know about it."""

    image: Image
    details: dict[str, Any]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Steps:
    """Counts the steps of the pictures of one call, of which this is picture `number` of `count`, from 0."""

    number: int
    count: int
    seconds: float  # for one picture

    def done(self, done: int, total: int, preview: bytes) -> None:
        report(self.number * total + done, self.count * total, preview)


def draw(queue: PipelineQueue, request: Request, seed: int, steps: Steps) -> Drawing:
    """Return the picture of that seed. Raises PluginError, and PluginTimeout between two steps when the time is up."""
    import torch

    loaded = queue.pipeline(request)
    accepted = inspect.signature(loaded.pipe).parameters
    given = arguments(loaded, request, accepted)
    with quiet():
        known = notices(loaded, request.text)
    used = effective(accepted, given)
    watch = Watch(loaded.pipe, steps, used.get("steps", 0))
    # Numbers drawn on the CPU are the same whatever the device.
    generator = torch.Generator("cpu").manual_seed(seed)
    try:
        with quiet():
            extra = watch.arguments(accepted) | shape_arguments(loaded.pipe, accepted)
            extra |= {name: value for name, value in AS_WRITTEN.items() if name in accepted}
            result = loaded.pipe(prompt=request.text, generator=generator, **given, **extra)
    except PluginError:  # stopped between two steps
        loaded.pipe.maybe_free_model_hooks()  # which brings parts that were carried to the device back
        raise
    except Exception as error:  # whatever a pipeline makes of settings that it cannot work with
        queue.drop()  # what it left half done, such as a part in another precision, is loaded anew
        own = side(loaded.pipe)
        size = "" if loaded.things else request.size or f"{own}x{own}"
        raise failure("the pipeline cannot draw this", error, size) from error
    if any(getattr(result, "nsfw_content_detected", None) or getattr(result, "nsfw_detected", None) or ()):
        raise PluginError("the pipeline's safety checker refused the picture: describe something else")
    image = result.images[0]
    details = {"pipeline": loaded.name, "revision": loaded.revision, "seed": seed, **used, "dtype": loaded.dtype}
    return Drawing(image, details | {"size": f"{image.width}x{image.height}"}, known)


def arguments(loaded: Loaded, request: Request, accepted: Accepted) -> dict[str, Any]:
    """Return the settings that are given, and what else suits the pipeline, by the names that it has for them."""
    given = {name: value for name, value in loaded.defaults.items() if name in accepted}
    own = side(loaded.pipe)
    if loaded.things and request.size not in ("", f"{own}x{own}"):
        raise UsageError(f"the pipeline {loaded.name} draws {own}x{own} only: remove size from {TABLE}")
    for setting, value in request.given.items():
        name = argument(setting, accepted)
        if name not in accepted:
            raise UsageError(f"{type(loaded.pipe).__name__} knows no {setting}: remove that from {TABLE}")
        given[name] = value
    return given


class Watch:
    """What is called after every step."""

    def __init__(self, pipe: Any, steps: Steps, total: int) -> None:
        self._pipe, self._steps, self._total = pipe, steps, total
        self._deadline = monotonic() + steps.seconds

    def arguments(self, accepted: Accepted) -> dict[str, Any]:
        """Return the arguments that report steps and stop the pipeline; a few old ones take none."""
        if "callback_on_step_end" in accepted:
            return {"callback_on_step_end": self._on_step_end}
        if "callback" in accepted:
            return {"callback": lambda step, _, latents: self._step(step, latents)}
        return {}

    def _on_step_end(self, _: object, step: int, __: object, tensors: dict[str, Any]) -> dict[str, Any]:
        self._step(step, tensors.get("latents"))
        return tensors

    def _step(self, step: int, latents: torch.Tensor | None) -> None:
        if monotonic() > self._deadline:
            raise PluginTimeout(
                f"only at step {step + 1} when time was up: set fewer steps, a smaller size or "
                f"a longer time_limit under {TABLE}"
            )
        total = getattr(self._pipe, "num_timesteps", 0) or self._total  # some schedulers take more than they are told
        self._steps.done(step + 1, total, self._preview(latents))

    def _preview(self, latents: torch.Tensor | None) -> bytes:
        """Return the picture so far as PNG, where decoding costs next to nothing."""
        import torch

        scale = getattr(self._pipe, "vae_scale_factor", None)
        if latents is None or latents.ndim != 4 or not scale or latents[0, 0].numel() * scale**2 > CHEAP:
            return b""
        png = io.BytesIO()
        try:
            with torch.no_grad():
                vae = self._pipe.vae
                latents = latents / vae.config.scaling_factor + (vae.config.get("shift_factor") or 0.0)
                decoded = vae.decode(latents, return_dict=False)[0]
            self._pipe.image_processor.postprocess(decoded.detach())[0].save(png, "PNG")
        except Exception:  # a kind of latents that this does not fit; the picture itself is decoded by the pipeline
            return b""
        return png.getvalue()


def shape_arguments(pipe: Any, accepted: Accepted) -> dict[str, bool]:
    """Turn off the rounding to shapes that a pipeline draws well where its size is too small: it would refuse."""
    binned = "use_resolution_binning" in accepted and 0 < side(pipe) < BINNED
    return {"use_resolution_binning": False} if binned else {}


def side(pipe: Any) -> int:
    """Return width and height in pixels of what the pipeline draws if no size is given; 0 if that is not known."""
    pixels: int = pipe.config.get("default_sample_size") or 0
    if pixels:
        return pixels
    denoiser = getattr(pipe, "transformer", None) or getattr(pipe, "unet", None)
    config = getattr(denoiser, "config", None)
    latents = getattr(pipe, "default_sample_size", None) or getattr(config, "sample_size", None)
    return latents * getattr(pipe, "vae_scale_factor", 0) if isinstance(latents, int) else 0


def effective(accepted: Accepted, given: dict[str, Any]) -> dict[str, Any]:
    """Return the steps, guidance and negative prompt of a picture, the pipeline's own defaults included."""
    names = {setting: argument(setting, accepted) for setting in ("steps", "guidance", "negative")}
    used = {key: given.get(name, accepted[name].default) for key, name in names.items() if name in accepted}
    return {key: value for key, value in used.items() if value is not None and value != ""}
