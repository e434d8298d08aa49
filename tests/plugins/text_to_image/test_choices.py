"""What is chosen for the user: where the parts go, how many steps, what is said of the description."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from moss_agent import free_memory
from moss_agent.errors import PluginError

pytestmark = pytest.mark.slow

GB = 10**9
PARTS = {"text_encoder": 10 * GB, "transformer": 24 * GB, "vae": GB}


@pytest.mark.parametrize(("own", "offload", "slicing"), [(80, "", False), (30, "model", True), (8, "sequential", True)])
def test_placement_on_a_gpu(module: Callable[[str], ModuleType], own: int, offload: str, slicing: bool) -> None:
    placement = module("_placement").place(PARTS, 36 * GB, own * GB, "big")
    assert (placement.offload, placement.slicing) == (offload, slicing)


def test_placement_without_a_gpu(module: Callable[[str], ModuleType]) -> None:
    place = module("_placement").place
    assert not place(PARTS, 40 * GB, None, "big").slicing
    assert place(PARTS, 36 * GB, None, "big").slicing


def test_a_container_has_no_more_memory_than_its_limit(
    module: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text("64000000")
    (tmp_path / "memory.current").write_text("60000000")
    monkeypatch.setattr(free_memory, "CGROUP", tmp_path)
    assert module("_placement").memory_for(torch.device("cpu")) == (4_000_000, None)


@pytest.mark.parametrize("own", [None, 80 * GB])
def test_a_pipeline_that_does_not_fit_the_machine(module: Callable[[str], ModuleType], own: int | None) -> None:
    with pytest.raises(PluginError, match=r"big needs 35.0 GB of memory and 30.0 GB are free: .*bf16"):
        module("_placement").place(PARTS, 30 * GB, own, "big")


def test_parts_are_carried_to_the_device_and_back(module: Callable[[str], ModuleType], stable_diffusion: Path) -> None:
    """With the processor as the device, which tells whether the pipeline draws the same, not what memory it takes."""
    from diffusers import StableDiffusionPipeline

    drawn = []
    for wanted in ("", "model"):
        pipe = StableDiffusionPipeline.from_pretrained(stable_diffusion)
        placement = module("_placement").Placement(wanted, slicing=bool(wanted))
        module("_loading").settle(pipe, placement, torch.device("cpu"), "tiny")
        generator = torch.Generator().manual_seed(1)
        drawn.append(pipe("a fox", num_inference_steps=2, generator=generator, output_type="np").images)
    np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-5)


def test_sizes_are_those_of_the_weights(module: Callable[[str], ModuleType], stable_diffusion: Path) -> None:
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(stable_diffusion)
    parts = ("unet", "vae", "text_encoder")
    found = module("_placement").sizes(stable_diffusion, parts, 4)
    assert found == {part: sum(p.numel() for p in getattr(pipe, part).parameters()) * 4 for part in parts}


def test_variants_beside_the_weights_take_no_memory(module: Callable[[str], ModuleType], broken: Path) -> None:
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    before = module("_placement").sizes(broken, ["unet"], 4)
    (broken / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(weights.read_bytes())
    assert module("_placement").sizes(broken, ["unet"], 4) == before != {"unet": 0}


@pytest.mark.parametrize(
    "content", [b"", b"\x08", b"\xff" * 40, b"\x02" + b"\0" * 7 + b"[]", b"\x04" + b"\0" * 7 + b"null"]
)
def test_a_file_without_a_header_has_no_size(
    module: Callable[[str], ModuleType], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    assert module("_placement").numbers(tmp_path / "x.safetensors") == 0


def pipeline(kind: str, scheduler: str = "EulerDiscreteScheduler", **parts: object) -> object:
    made = type(kind, (), {})()
    made.scheduler = type(scheduler, (), {})()
    for name, value in parts.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("name", "pipe", "steps", "guidance"),
    [
        ("stabilityai/sd-turbo", pipeline("StableDiffusionPipeline"), 4, 0.0),
        ("stabilityai/sdxl-turbo", pipeline("StableDiffusionXLPipeline"), 4, 0.0),
        ("stabilityai/stable-diffusion-xl-base-1.0", pipeline("StableDiffusionXLPipeline"), 30, None),
        ("stabilityai/stable-diffusion-3.5-medium", pipeline("StableDiffusion3Pipeline"), 28, 4.5),
        ("stabilityai/stable-diffusion-3.5-large-turbo", pipeline("StableDiffusion3Pipeline"), 4, 0.0),
        ("some/model", pipeline("StableDiffusionXLPipeline", "LCMScheduler", unet=SimpleNamespace(config={})), 4, 1.0),
        (
            "SimianLuo/LCM_Dreamshaper_v7",
            pipeline("LatentConsistencyModelPipeline", unet=SimpleNamespace(config={"time_cond_proj_dim": 256})),
            4,
            8.5,
        ),
        (
            "black-forest-labs/FLUX.1-schnell",
            pipeline("FluxPipeline", transformer=SimpleNamespace(config=SimpleNamespace(guidance_embeds=False))),
            4,
            0.0,
        ),
        (
            "black-forest-labs/FLUX.1-dev",
            pipeline("FluxPipeline", transformer=SimpleNamespace(config=SimpleNamespace(guidance_embeds=True))),
            None,
            None,
        ),
        ("Qwen/Qwen-Image", pipeline("QwenImagePipeline"), None, None),
        ("Tongyi-MAI/Z-Image-Turbo", pipeline("ZImagePipeline"), 9, 0.0),
        ("/home/turbo/models/stable-diffusion-v1-5", pipeline("StableDiffusionPipeline"), 30, None),
    ],
)
def test_families(
    module: Callable[[str], ModuleType], name: str, pipe: object, steps: int | None, guidance: float | None
) -> None:
    found = module("_families").defaults(pipe, name)
    assert (found.get("num_inference_steps"), found.get("guidance_scale")) == (steps, guidance)


def test_what_pipelines_call_guidance(module: Callable[[str], ModuleType]) -> None:
    from inspect import signature

    from diffusers import FluxPipeline, QwenImagePipeline, StableDiffusionPipeline

    def names(kind: type) -> tuple[str, str]:
        accepted = signature(kind.__call__).parameters
        argument = module("_families").argument
        return argument("guidance", accepted), argument("negative", accepted)

    assert names(StableDiffusionPipeline) == ("guidance_scale", "negative_prompt")
    assert names(FluxPipeline) == ("guidance_scale", "")
    assert names(QwenImagePipeline) == ("true_cfg_scale", "negative_prompt")


def test_a_long_description_is_cut_with_a_notice(draw: Callable[..., list], stable_diffusion: Path) -> None:
    picture = draw("abcdefg hijklmn opq the end", pipeline=str(stable_diffusion), steps=1)[0]
    assert picture.notices == (
        "the description is too long for the pipeline, which takes 14 tokens of it, this is left out: opq the end",
    )
    assert draw("abcdefg hijklmn", pipeline=str(stable_diffusion), steps=1)[0].notices == ()


def test_unknown_words_are_named(draw: Callable[..., list], flux: Path) -> None:
    picture = draw("a fox reading a newspaper", pipeline=str(flux), steps=1)[0]
    assert picture.notices == (f"the pipeline {flux} does not know and leaves out: newspaper",)
    with pytest.raises(PluginError, match="knows nothing that it could draw in 狐狸"):
        draw("狐狸", pipeline=str(flux), steps=1)


def test_chinese_for_an_encoder_of_bytes(module: Callable[[str], ModuleType]) -> None:
    """A byte-level tokenizer, as CLIP's, spells Chinese out; one with Chinese words does not."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    loaded = SimpleNamespace(
        pipe=lambda prompt: None, name="english", things=frozenset(), revision="", dtype="fp32", defaults={}
    )
    loaded.pipe.tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=77)
    notices = module("_reading").notices
    assert notices(loaded, "狐狸") == ("the text encoder of english hardly knows Chinese: describe it in English",)
    assert notices(loaded, "fox") == ()
