"""From a folder to a model on the right devices, in the right precision."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moss_agent.engine.backends.failures import is_out_of_memory
from moss_agent.errors import CheckpointError, MissingDependency, OutOfMemory, UsageError, said_by

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# oneDNN and torch's layer over it compile a kernel for every new shape, such as another number of tokens, and keep
# 1,024 of them, half a megabyte each. OpenMP's threads wait for each other in a loop, for milliseconds if one of them
# is not scheduled because other programs are busy too: a tenth of the speed is left then. Each reads its limit once.
LIBRARY_LIMITS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64", "GOMP_SPINCOUNT": "1000"}
DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


def load(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    quantize: str = "",
    tp: int = 1,
    device_map: Mapping[str, int | str] | None = None,
    offload_folder: str = "",
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load any `AutoModelForCausalLM` checkpoint: a folder, or a name on the model hub.

    device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`; the whole model goes there unless `device_map` spreads it.
    dtype: `auto`, `fp32`, `fp16`, `bf16`.
    quantize: `int8` or `int4`, by bitsandbytes while loading; "" for neither.
    tp: processes of torchrun that share every layer.
    device_map: devices by the names of modules; what is on `disk` is kept in `offload_folder`.
    No code from the checkpoint is ever run. Raises CheckpointError, OutOfMemory, MissingDependency or UsageError.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    limit_libraries()
    target = choose_device(device)
    options: dict[str, Any] = {"dtype": choose_dtype(dtype, target)}
    placed: Mapping[str, int | str | torch.device] = device_map or {"": target}
    options |= _shared(tp) if tp > 1 else {"device_map": dict(placed)}
    options |= _quantized(quantize, options["dtype"]) if quantize else {}
    options |= {"offload_folder": offload_folder} if offload_folder else {}
    with _errors_of(name), _no_progress_bar():
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            name, trust_remote_code=False, output_loading_info=True, **options
        )
        model, info = loaded  # the library annotates the model alone
    if missing := sorted(info["missing_keys"]):  # the library would go on with random numbers in their place
        raise CheckpointError(
            f"{name} lacks weights that its config.json asks for: {missing[0]} is one of {len(missing)}"
        )
    return model.eval(), tokenizer


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Return the ids that end a text, by the model's generation settings and its tokenizer."""
    configured = model.generation_config.eos_token_id if model.generation_config else None
    ids = configured if isinstance(configured, list) else [configured]
    return {i for i in (*ids, tokenizer.eos_token_id) if i is not None}


def first_tokens(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the id that the tokenizer puts before every text, if there is one."""
    first = tokenizer.bos_token_id
    return [first] if first is not None and tokenizer.encode("a")[:1] == [first] else []


def own_sampling(model: PreTrainedModel) -> dict[str, Any]:
    """Return how the model is meant to be sampled, by its generation settings, as arguments of `Sampling`."""
    config = model.generation_config
    names = ["repetition_penalty"]
    names += ["temperature", "top_k", "top_p"] if config and config.do_sample else []
    values = {name: getattr(config, name, None) for name in names}
    if config and config.do_sample and values["temperature"] is None:
        values["temperature"] = 1.0
    return {name: value for name, value in values.items() if value is not None}


@contextmanager
def _errors_of(name: str) -> Iterator[None]:
    """Turn what the libraries raise while they load the model into errors that name the remedy."""
    try:
        yield
    except Exception as error:  # transformers, safetensors, tokenizers and torch share no base class
        if is_out_of_memory(error):
            raise OutOfMemory(
                f"out of memory while loading {name}: close what else runs, or choose --quantize int8 or int4"
            ) from None
        raise CheckpointError(f"cannot load {name}: {said_by(error)}{_remedy(name)}") from error


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Keep the library's bars off the screen: who loads a model says so in their own words."""
    from transformers.utils import logging

    is_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if is_shown:
            logging.enable_progress_bar()


def _shared(tp: int) -> dict[str, Any]:
    from transformers.distributed import DistributedConfig

    return {"distributed_config": DistributedConfig(tp_size=tp, tp_plan="auto")}


def check_quantizer(kind: str) -> None:
    """Raise MissingDependency if the weights shall be packed and what packs them is not installed."""
    if kind and find_spec("bitsandbytes") is None:
        raise MissingDependency("bitsandbytes", "quantize")


def _quantized(kind: str, dtype: torch.dtype) -> dict[str, Any]:
    from transformers import BitsAndBytesConfig

    check_quantizer(kind)
    if kind == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    # NF4, whose levels fit weights that are distributed normally (Dettmers et al. 2023).
    packed = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
    return {"quantization_config": packed}


def limit_libraries() -> None:
    """Set what keeps the libraries below torch from filling the memory and from waiting for each other.

    To be called before torch is imported. What the environment sets already is kept.
    """
    for variable, number in LIBRARY_LIMITS.items():
        os.environ.setdefault(variable, number)


def choose_device(name: str) -> torch.device:
    """Return the device of that name; `auto` prefers cuda, then mps, then cpu. Raises UsageError."""
    import torch

    has_mps = torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    device = None
    with suppress(RuntimeError):
        device = torch.device(name)
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"no device {name!r}: use auto, cpu, cuda, cuda:N or mps")
    if device.type == "cuda" and not 0 <= (device.index or 0) < torch.cuda.device_count():
        raise UsageError(f"device {name} is not there: torch sees {torch.cuda.device_count()} CUDA devices")
    if device.type == "mps" and not has_mps:
        raise UsageError("device mps is not there: use cpu")
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the precision of that name; `auto` takes 16 bits where the device computes them fast, else fp32."""
    import torch

    if name in DTYPES:
        dtype: torch.dtype = getattr(torch, DTYPES[name])
        return dtype
    if name != "auto":
        raise UsageError(f"no dtype {name!r}: use auto, {', '.join(DTYPES)}")
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.float16
    has_kernels = torch.backends.cpu.get_cpu_capability() == "AVX512"  # ATEN_CPU_CAPABILITY may ask for lesser ones
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() and has_kernels else torch.float32


def _remedy(name: str) -> str:
    if Path(name).expanduser().is_dir():
        return ""
    return f" ({name} is no folder here; a hub name needs a network the first time)"
