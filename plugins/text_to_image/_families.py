"""Steps and guidance that suit a pipeline, where the user sets none.

Pipelines know one default for each class; what their authors advise depends on how the weights were trained.
Sources: the model cards of SD-Turbo, SDXL-Turbo, SDXL-Lightning, LCM, Stable Diffusion 3 and 3.5, FLUX.1.
"""

from __future__ import annotations

import re
from typing import Any

FEW_STEPS = re.compile(r"turbo|lightning|hyper|schnell|sprint|lcm", re.IGNORECASE)
DOODLE = {"num_inference_steps": 16, "guidance_scale": 2.0}


def defaults(pipe: Any, name: str) -> dict[str, Any]:
    """Arguments for the pipeline of that name; none for what its class knows best itself."""
    kind = type(pipe).__name__
    if name == "doodle":
        return DOODLE
    if type(pipe.scheduler).__name__ == "LCMScheduler" or kind.startswith("LatentConsistency"):
        return {"num_inference_steps": 4, "guidance_scale": 8.5 if takes_guidance(pipe) else 1.0}
    if kind.startswith("Flux") and not kind.startswith("Flux2"):
        return {} if takes_guidance(pipe) else {"num_inference_steps": 4, "guidance_scale": 0.0}
    if FEW_STEPS.search(name):
        return {"num_inference_steps": 4, "guidance_scale": 0.0}
    if kind.startswith("StableDiffusion3"):
        return {"num_inference_steps": 28, "guidance_scale": 4.5}
    if kind.startswith("StableDiffusion"):  # XL too
        return {"num_inference_steps": 30}
    return {}


def takes_guidance(pipe: Any) -> bool:
    """Whether the denoiser was trained to be told the guidance, as FLUX.1 dev and LCM are."""
    if transformer := getattr(pipe, "transformer", None):
        return bool(getattr(transformer.config, "guidance_embeds", False))
    return bool(getattr(getattr(pipe, "unet", None), "config", {}).get("time_cond_proj_dim"))
