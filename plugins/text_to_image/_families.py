"""Steps and guidance that suit a pipeline, where the user sets none; and what it calls them.

Pipelines know one default for each class; what their authors advise depends on how the weights were trained.
Sources: the model cards of SD-Turbo, SDXL-Turbo, SDXL-Lightning, LCM, Stable Diffusion 3 and 3.5, FLUX.1,
Z-Image-Turbo, Qwen-Image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import Parameter
from pathlib import PurePath
from typing import Any

FEW_STEPS = re.compile(r"turbo|lightning|hyper|schnell|sprint|lcm", re.IGNORECASE)
DOODLE = {"num_inference_steps": 16, "guidance_scale": 2.0}

ARGUMENTS = {"steps": "num_inference_steps", "guidance": "guidance_scale", "negative": "negative_prompt"}


def argument(setting: str, accepted: Mapping[str, Parameter]) -> str:
    """Return what a pipeline calls a setting; "" if it has no such one. accepted: the parameters of its call.

    Some have two guidances: FLUX.1 is told `guidance_scale` and draws with a negative prompt only if asked to by
    `true_cfg_scale`; to Qwen-Image this is the only one, and the other is ignored.
    """
    true = accepted.get("true_cfg_scale")
    if true is None or setting not in ("guidance", "negative"):
        return ARGUMENTS.get(setting, setting)
    if true.default > 1:
        return {"guidance": "true_cfg_scale", "negative": "negative_prompt"}[setting]
    return {"guidance": "guidance_scale", "negative": ""}[setting]


def defaults(pipe: Any, name: str) -> dict[str, Any]:
    """Return arguments for the pipeline of that name; none for what its class knows best itself."""
    kind, own = type(pipe).__name__, PurePath(name).name  # folders above may be called anything
    if name == "doodle":
        return DOODLE
    if type(pipe.scheduler).__name__ == "LCMScheduler" or kind.startswith("LatentConsistency"):
        return {"num_inference_steps": 4, "guidance_scale": 8.5 if takes_guidance(pipe) else 1.0}
    if kind.startswith("Flux") and not kind.startswith("Flux2"):
        return {} if takes_guidance(pipe) else {"num_inference_steps": 4, "guidance_scale": 0.0}
    if kind.startswith("ZImage") and FEW_STEPS.search(own):
        return {"num_inference_steps": 9, "guidance_scale": 0.0}
    if kind.startswith("QwenImage"):
        return {"negative_prompt": " "}  # without one it draws without guidance
    if FEW_STEPS.search(own):
        return {"num_inference_steps": 4, "guidance_scale": 0.0}
    if kind.startswith("StableDiffusion3"):
        return {"num_inference_steps": 28, "guidance_scale": 4.5}
    if kind.startswith("StableDiffusion"):  # XL too
        return {"num_inference_steps": 30}
    return {}


def takes_guidance(pipe: Any) -> bool:
    """Return whether the denoiser was trained to be told the guidance, as FLUX.1 dev and LCM are."""
    if transformer := getattr(pipe, "transformer", None):
        return bool(getattr(transformer.config, "guidance_embeds", False))
    return bool(getattr(getattr(pipe, "unet", None), "config", {}).get("time_cond_proj_dim"))
