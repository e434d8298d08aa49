"""A LoRA adapter merged into its base: a folder like the base's, which needs no peft.

The base is loaded as it is stored. peft adds to each weight what the adapter makes of it, in float32, and the sum is
rounded once. `merge_check` says how the result is compared with base and adapter.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from moss_agent.checkpoints.convert.checking import check_logits
from moss_agent.checkpoints.convert.source import read_tokenizer
from moss_agent.checkpoints.convert.staging import staged
from moss_agent.checkpoints.convert.tensors import LARGEST_FILE
from moss_agent.checkpoints.families import write_family, written_family
from moss_agent.checkpoints.lora_base import Base, open_base, with_adapter
from moss_agent.checkpoints.lora_folder import PREFIX, LoraFolder
from moss_agent.checkpoints.machine import check_memory
from moss_agent.checkpoints.merge_check import READ_AGAIN, TOLERANCES, check_calls, logits_of, recorded
from moss_agent.checkpoints.plan import dtype_name
from moss_agent.errors import CheckpointError, said_by

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

MEMORY = 1.5  # of the size of the base; measured: 1.35 with 0.4 GB


def merge(adapter: LoraFolder, base_name: str | None, target: Path) -> float:
    """Write the adapter and its base as one model to `target`. Returns how far apart the logits are, as a part of them.

    base_name: a folder, a name on the model hub, or mini; None for the base that the adapter names.
    Raises UsageError or CheckpointError; nothing is left at `target` then.
    """
    import torch

    base = open_base(adapter, base_name)
    check_memory(int(base.size * MEMORY), "merging")
    with staged(target, base.size) as part, torch.no_grad():
        logits, distance = _write_merged(adapter, base, part)
        if family := written_family(adapter.folder) or written_family(base.folder):
            write_family(part, family)
        check_logits(logits_of(_load(part, base.dtype)), logits, READ_AGAIN)
        return distance


def _write_merged(adapter: LoraFolder, base: Base, folder: Path) -> tuple[torch.Tensor, float]:
    """Write the merged model and its tokenizer. Returns its logits, and how far they are from base and adapter."""
    from peft import set_peft_model_state_dict

    tokenizer = read_tokenizer(base.folder)
    model = _load(base.folder, base.dtype)
    if _changes_embeddings(adapter, model):
        _untie(model)
    dtypes = {name: weight.dtype for name, weight in model.named_parameters()}
    adapted = with_adapter(model, adapter)
    set_peft_model_state_dict(adapted, adapter.weights())
    with recorded(adapted, {name: PREFIX + name for name in adapter.changed}) as calls:
        expected = logits_of(adapted)
    merged = _merged(adapted, adapter)
    for name, weight in merged.named_parameters():
        weight.data = weight.data.to(dtypes[name])  # modules that were trained whole are in float32
    check_calls(merged, calls, TOLERANCES[dtype_name(base.dtype)])
    merged.save_pretrained(folder, max_shard_size=LARGEST_FILE)
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    logits = logits_of(merged)
    return logits, float((logits - expected).norm() / expected.norm())


def _merged(adapted: PeftModel, adapter: LoraFolder) -> Any:
    try:
        return adapted.merge_and_unload()  # not safe_merge, which rounds twice
    except Exception as error:  # whatever settings can be made to cause
        raise CheckpointError(f"{adapter.folder} cannot be merged by peft: {said_by(error)}") from error


def _load(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """Return the model of a folder, in that precision. Raises CheckpointError if weights are missing."""
    from transformers import AutoModelForCausalLM

    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, trust_remote_code=False, output_loading_info=True
        )
    except Exception as error:  # of transformers, safetensors and torch, which share no base class
        raise CheckpointError(f"cannot load {folder}: {said_by(error)}") from error
    model, info = loaded
    if missing := sorted(info["missing_keys"]):  # the library goes on with random numbers in their place
        raise CheckpointError(f"{folder} lacks {len(missing)} weights, {missing[0]} among them: fetch the model again")
    model.config.__dict__.pop("auto_map", None)
    causal: PreTrainedModel = model.eval()
    return causal


def _changes_embeddings(adapter: LoraFolder, model: PreTrainedModel) -> bool:
    """Return whether the adapter changes embedding or head, of a model where both are one."""
    ends = model.get_input_embeddings(), model.get_output_embeddings()
    if ends[1] is None or ends[0].weight is not ends[1].weight:
        return False
    return any(module in ends for name, module in model.named_modules() if name in adapter.changed)


def _untie(model: PreTrainedModel) -> None:
    """Give the head weights of its own, which stay apart from the embedding's when the model is saved and loaded."""
    from torch import nn

    head: Any = model.get_output_embeddings()
    head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=False)
    for config in (model.config, model.config.get_text_config()):
        config.tie_word_embeddings = False
