"""What is chosen for the user: where the parts go, how many steps, what is said of the description."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from moss_agent.errors import PluginError

GB = 10**9
PARTS = {"text_encoder": 10 * GB, "transformer": 24 * GB, "vae": GB}


@pytest.mark.parametrize(
    ("free", "offload", "slicing"), [(80, "", False), (30, "model", True), (8, "sequential", True)]
)
def test_placement_on_a_gpu(module: Callable[[str], ModuleType], free: int, offload: str, slicing: bool) -> None:
    placement = module("_placement").place(PARTS, free * GB, True, "big")
    assert (placement.offload, placement.slicing) == (offload, slicing)


def test_placement_without_a_gpu(module: Callable[[str], ModuleType]) -> None:
    place = module("_placement").place
    assert not place(PARTS, 40 * GB, False, "big").slicing
    assert place(PARTS, 36 * GB, False, "big").slicing
    with pytest.raises(PluginError, match=r"big needs 35.0 GB of memory and 30.0 GB are free: .*bf16"):
        place(PARTS, 30 * GB, False, "big")


def test_sizes_are_those_of_the_weights(module: Callable[[str], ModuleType], stable_diffusion: Path) -> None:
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(stable_diffusion)
    found = module("_placement").sizes(stable_diffusion, 4)
    for part in ("unet", "vae", "text_encoder"):
        assert found[part] == sum(p.numel() for p in getattr(pipe, part).parameters()) * 4


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
    ],
)
def test_families(
    module: Callable[[str], ModuleType], name: str, pipe: object, steps: int | None, guidance: float | None
) -> None:
    found = module("_families").defaults(pipe, name)
    assert (found.get("num_inference_steps"), found.get("guidance_scale")) == (steps, guidance)


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
