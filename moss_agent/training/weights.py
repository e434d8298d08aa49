"""What is trained of a model, an adapter or everything, and how it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from moss_agent.checkpoints.files import disk_error
from moss_agent.errors import UsageError, said_by
from moss_agent.resources import set_default_mode

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def with_adapter(base: PreTrainedModel, rank: int, name: str) -> PeftModel:
    """Return the model with a fresh adapter on all linear layers: its weights stay as they are, the adapter is fp32.

    name: of the base, which the adapter is to be laid on again.
    """
    if getattr(base, "is_quantized", False):
        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=False)  # type: ignore[no-untyped-call]
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    assert isinstance(model, PeftModel)
    model.peft_config["default"].base_model_name_or_path = name
    return model


def load_adapter(model: PeftModel, folder: Path) -> None:
    """Give the model's adapter the weights of one that was saved. Raises UsageError if it has other sizes."""
    try:
        set_peft_model_state_dict(model, load_file(folder / "adapter_model.safetensors"))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise UsageError(f"cannot begin with the adapter in {folder}: {said_by(error)}") from None


def save_adapter(model: PeftModel, folder: Path, weights: Mapping[str, torch.Tensor] | None = None) -> None:
    """Write the adapter in bf16, which halves its size. weights: the whole ones, of a model that is shared out."""
    folder.mkdir(parents=True, exist_ok=True)
    state = get_peft_model_state_dict(model, weights, save_embedding_layers=False)  # it would ask the hub for the base
    tensors = {name: tensor.to("cpu", torch.bfloat16).contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = model.peft_config["default"]
    config.inference_mode = True
    config.save_pretrained(str(folder))
    set_default_mode(folder)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a failure of the file system, such as a full disk, into a UsageError."""
    try:
        yield
    except Exception as error:
        if not (problem := disk_error(error)):
            raise
        raise UsageError(f"cannot write {folder}: {problem.strerror}: make room, the same command goes on") from error


def set_weights(model: PreTrainedModel, weights: Mapping[str, torch.Tensor]) -> None:
    """Give the model the weights of that name, in its own precision."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])


def save_whole(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, dtype: torch.dtype) -> None:
    """Write the model with its tokenizer. dtype: the precision that it came in."""
    torch.nn.Module.to(model, dtype=dtype)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    set_default_mode(folder)
