"""From a name or a folder to a model on the right device, in the right precision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.engine.session import is_out_of_memory
from moss_agent.errors import CheckpointError, OutOfMemory, UsageError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


def load(name: str, *, device: str = "auto", dtype: str = "auto") -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load any `AutoModelForCausalLM` checkpoint: a folder, or a name on the model hub.

    device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`. With `auto` and a GPU, accelerate places the
        layers: on one GPU if they fit, else over all of them, then the CPU.
    dtype: `auto`, `fp32`, `fp16`, `bf16`.
    No code from the checkpoint is ever run. Raises CheckpointError, OutOfMemory or UsageError.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    target = choose_device(device)
    spread = device == "auto" and target.type == "cuda"
    precision = choose_dtype(dtype, target)
    options = {"device_map": "auto"} if spread else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(name, dtype=precision, trust_remote_code=False, **options)
        model = model if spread else model.to(target)
    except Exception as error:  # transformers, safetensors, tokenizers and torch share no base class
        if is_out_of_memory(error):
            raise OutOfMemory(f"{name} does not fit on {target}: choose --device cpu or a smaller model") from None
        raise CheckpointError(f"cannot load {name}: {_first_line(error)}{_remedy(name)}") from error
    return model.eval(), tokenizer


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` prefers cuda, then mps, then cpu."""
    import torch

    has_mps = torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"no device {name!r}: use auto, cpu, cuda, cuda:N or mps") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"device {name} is not there: torch sees {torch.cuda.device_count()} CUDA devices")
    if device.type == "mps" and not has_mps:
        raise UsageError("device mps is not there: use cpu")
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The precision of that name; `auto` takes 16 bits where the device computes them fast, else fp32."""
    import torch

    if name in DTYPES:
        return getattr(torch, DTYPES[name])
    if name != "auto":
        raise UsageError(f"no dtype {name!r}: use auto, {', '.join(DTYPES)}")
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _remedy(name: str) -> str:
    if Path(name).expanduser().is_dir():
        return ""
    return f" ({name} is no folder here; a hub name needs a network the first time)"
