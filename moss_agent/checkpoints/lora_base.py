"""The base of a LoRA adapter: found, and checked to be what the adapter was trained on, before it is loaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.checkpoints import hub, mini, moss
from moss_agent.checkpoints.convert.tensors import Tensors
from moss_agent.checkpoints.lora_folder import LoraFolder
from moss_agent.checkpoints.needs import needs_of
from moss_agent.checkpoints.plan import dtype_name
from moss_agent.checkpoints.weights import check_weights
from moss_agent.errors import CheckpointError, MossAgentError, UsageError, one_line, said_by

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

DTYPES = ("fp32", "fp16", "bf16")
REMEDY = "name with --base the model that the adapter was trained on"


@dataclass(frozen=True)
class Base:
    """The model that an adapter was trained on, looked at before it is loaded. size: the bytes of its weights."""

    folder: Path
    dtype: torch.dtype
    size: int


def open_base(adapter: LoraFolder, name: str | None) -> Base:
    """Return the base, whose modules have the sizes that the adapter was made for. Raises UsageError, CheckpointError.

    Only its config and the names and sizes of its weights are looked at; nothing in it is executed.
    """
    moss.register()
    folder = _base_folder(adapter, name)
    config = hub.read_config(folder)
    if getattr(config, "quantization_config", None):
        raise CheckpointError(f"{folder} is stored quantised: name with --base the model that it was made from")
    model = needs_of(config).model
    check_weights(folder, model)
    tensors = Tensors(folder)
    sizes: Counter[torch.dtype] = Counter()
    for weight in tensors:
        sizes[tensors[weight].dtype] += tensors[weight].nbytes
    dtype = max(sizes, key=sizes.__getitem__, default=None)
    if dtype is None or dtype_name(dtype) not in DTYPES:
        raise CheckpointError(f"{folder} is stored neither in fp32 nor in fp16 nor in bf16: {REMEDY}, in one of these")
    _check_places(adapter, model, folder)
    return Base(folder, dtype, sizes.total())


def _base_folder(adapter: LoraFolder, name: str | None) -> Path:
    named = name or adapter.settings.base_model_name_or_path
    if not named:
        raise UsageError(f"{adapter.folder} does not say what its base is: name it with --base")
    try:
        return mini.prepare() if named == "mini" else hub.fetch(named)
    except MossAgentError as error:
        if name:
            raise
        raise type(error)(f"the adapter's base: {error}; or name another place of it with --base") from error


def _check_places(adapter: LoraFolder, model: PreTrainedModel, folder: Path) -> None:
    """Raise CheckpointError unless each weight of the adapter has its place in the model, which may be on `meta`."""
    import torch
    from peft import get_peft_model_state_dict

    known = {name for name, _ in model.named_modules()}
    if strange := [name for name in adapter.adapted if name not in known]:
        raise CheckpointError(f"the adapter is of another model: {folder} has no {one_line(strange[0], 100)}: {REMEDY}")
    bare = [name for name in adapter.adapted if getattr(model.get_submodule(name), "bias", None) is None]
    if adapter.settings.lora_bias and bare:
        raise CheckpointError(
            f"{adapter.folder} has lora_bias, and {one_line(bare[0], 100)} of {folder} has no bias to add it to: "
            "train without lora_bias"
        )
    with torch.device("meta"):
        adapted = with_adapter(model, adapter)
        places = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    # An embedding is saved beside its adapter: it may have been enlarged.
    saved = {name for name in adapter.shapes if name.endswith(".base_layer.weight")}
    places |= {name: weight for name, weight in adapted.state_dict().items() if name in saved}
    for name, place in places.items():
        shape = adapter.shapes.get(name)
        if shape is None:
            raise CheckpointError(f"{adapter.folder} lacks {name}: save the adapter again")
        if shape != tuple(place.shape):
            raise CheckpointError(
                f"the adapter is not of the sizes of {folder}: {name} is {list(shape)}, "
                f"not {list(place.shape)}: {REMEDY}"
            )
    if surplus := sorted(adapter.shapes.keys() - places.keys()):
        raise CheckpointError(
            f"{adapter.folder} has weights that cannot be merged into {folder}, such as {one_line(surplus[0], 100)}: "
            "train without them"
        )


def with_adapter(model: PreTrainedModel, adapter: LoraFolder) -> PeftModel:
    """Return the model with a fresh adapter of these settings. Raises CheckpointError if peft finds them faulty."""
    from peft import PeftModel, get_peft_model

    try:
        adapted = get_peft_model(model, adapter.config())
    except Exception as error:  # whatever settings can be made to cause
        raise CheckpointError(f"{adapter.folder} cannot be used by peft: {said_by(error)}") from error
    assert isinstance(adapted, PeftModel)
    return adapted.eval()
