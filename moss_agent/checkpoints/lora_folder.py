"""A LoRA adapter as peft saves it: its settings and weights, read as data and checked before any use.

Of adapter_config.json only the fields below are read. Which modules are adapted is told by the names of the weights,
so that no pattern of a stranger is searched for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from moss_agent.checkpoints.weights import safetensors_shapes
from moss_agent.errors import CheckpointError, UsageError, one_line, said_by
from moss_agent.resources import read_bytes

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."  # of every name in the file of weights
LONGEST_CONFIG = 10_000_000  # bytes
PLAIN_STARTS = ("gaussian", "orthogonal", "eva")  # ways to initialise an adapter that leave the base as it is
_MODULES = re.compile(r"\^?[\w.]{1,200}")  # of the patterns that peft takes, those that cannot take long to search for

Rank = Annotated[int, msgspec.Meta(gt=0, le=1 << 16)]
Scale = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]


class LoraSettings(msgspec.Struct):
    """The fields of adapter_config.json that say what the adapter computes, as peft names them."""

    peft_type: str
    r: Rank = 8
    lora_alpha: Scale = 8
    rank_pattern: dict[str, Rank] | None = None
    alpha_pattern: dict[str, Scale] | None = None
    use_rslora: bool = False
    use_dora: bool = False
    fan_in_fan_out: bool = False
    lora_bias: bool = False
    bias: str = "none"
    modules_to_save: list[str] | None = None
    init_lora_weights: bool | str | None = True
    base_model_name_or_path: str | None = None


class Variants(msgspec.Struct):
    """The fields that make something else of LoRA, which cannot be merged here."""

    layer_replication: object = None
    target_parameters: object = None
    trainable_token_indices: object = None
    alora_invocation_tokens: object = None
    arrow_config: object = None
    kasa_config: object = None
    monteclora_config: object = None
    use_bdlora: object = None
    use_qalora: object = None


@dataclass(frozen=True)
class LoraFolder:
    """An adapter that was read. shapes: of its weights, by name."""

    folder: Path
    settings: LoraSettings
    shapes: dict[str, tuple[int, ...]]

    @property
    def adapted(self) -> list[str]:
        """The modules to whose output the adapter adds, by their names in the base."""
        return sorted({_module(name) for name in self.shapes if ".lora_" in name})

    @property
    def changed(self) -> list[str]:
        """All modules that the adapter changes: those, and the ones that were trained themselves."""
        return sorted(set(map(_module, self.shapes)))

    def config(self) -> LoraConfig:
        """Return the settings for peft."""
        from peft import LoraConfig

        said = self.settings
        return LoraConfig(
            r=said.r,
            lora_alpha=said.lora_alpha,  # type: ignore[arg-type]  # fractions are as good
            target_modules=self.adapted,
            rank_pattern=said.rank_pattern or {},
            alpha_pattern=said.alpha_pattern or {},
            use_rslora=said.use_rslora,
            use_dora=said.use_dora,
            fan_in_fan_out=said.fan_in_fan_out,
            lora_bias=said.lora_bias,
            bias=said.bias,  # type: ignore[arg-type]  # checked when it was read
            modules_to_save=said.modules_to_save,
        )

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the weights by name. Raises CheckpointError if one is no number."""
        from safetensors.torch import load_file

        weights = load_file(self.folder / WEIGHTS)
        for name, weight in weights.items():
            if not weight.isfinite().all():
                raise CheckpointError(
                    f"{self.folder / WEIGHTS}: {one_line(name, 100)} is not finite: train it again, at a lower rate"
                )
        return weights


def read_lora(folder: Path) -> LoraFolder:
    """Return the adapter in the folder. Raises UsageError or CheckpointError if it is none that can be merged."""
    if not (folder / CONFIG).is_file():
        raise UsageError(f"{folder} has no {CONFIG}: name the folder of a LoRA adapter, as peft saves it")
    return LoraFolder(folder, _settings(folder / CONFIG), _shapes(folder / WEIGHTS))


def _module(name: str) -> str:
    """Return the module of the base that a weight of the adapter belongs to."""
    inside, marker, _ = name.removeprefix(PREFIX).partition(".lora_")
    return inside if marker else inside.rpartition(".")[0].removesuffix(".base_layer")


def _settings(file: Path) -> LoraSettings:
    content = read_bytes(file, LONGEST_CONFIG)
    try:
        settings = msgspec.json.decode(content, type=LoraSettings)
        variants = msgspec.json.decode(content, type=Variants)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file} is no adapter's: {said_by(error)}: save the adapter again") from None
    if settings.peft_type != "LORA":
        raise CheckpointError(f"{file} is of type {one_line(settings.peft_type, 40)}: only LORA is merged")
    if found := [name for name in Variants.__struct_fields__ if getattr(variants, name)]:
        raise CheckpointError(f"{file} sets {found[0]}, which cannot be merged: train without it")
    if settings.bias not in ("none", "all", "lora_only"):
        raise CheckpointError(f"{file}: bias is none, all or lora_only: save the adapter again")
    start = settings.init_lora_weights
    if isinstance(start, str) and start not in PLAIN_STARTS:
        raise CheckpointError(
            f"{file}: {one_line(start, 40)} changed the base when training began: "
            "save it as plain LoRA, with peft's path_initial_model_for_weight_conversion"
        )
    patterns = [*(settings.rank_pattern or {}), *(settings.alpha_pattern or {})]
    if odd := [pattern for pattern in patterns if not _MODULES.fullmatch(pattern)]:
        raise CheckpointError(f"{file}: {one_line(odd[0], 40)} is no module's name: write out rank and alpha patterns")
    return settings


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    if not file.is_file():
        raise CheckpointError(f"{file} is missing: save the adapter again, as safetensors")
    try:
        shapes = safetensors_shapes(file)
    except Exception as error:  # whatever can be wrong in such a file
        raise CheckpointError(f"{file} is damaged or incomplete: save or copy the adapter again") from error
    if not any(".lora_" in name for name in shapes):
        raise CheckpointError(f"{file} has no weights of LoRA: save the adapter again")
    return shapes
