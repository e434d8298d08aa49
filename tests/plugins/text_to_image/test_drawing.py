"""The real plugin draws with tiny random pipelines of several families."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from diffusers import AutoPipelineForText2Image, PNDMScheduler, StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessor

from moss_agent.errors import PluginError, PluginTimeout, UsageError
from moss_agent.events import Picture
from moss_agent.plugin_host.progress import listening

pytestmark = pytest.mark.slow

Draw = Callable[..., list[Picture]]


@pytest.fixture
def fox(draw: Draw, stable_diffusion: Path) -> Callable[..., Picture]:
    def drawn(**settings: object) -> Picture:
        return draw("a fox", pipeline=str(stable_diffusion), **{"steps": 2, **settings})[0]

    return drawn


@pytest.fixture
def error_of(draw: Draw) -> Callable[..., str]:
    """The message of the failure to draw."""

    def message(pipeline: Path | str, **settings: object) -> str:
        with pytest.raises((PluginError, UsageError)) as caught:
            draw("a fox", pipeline=str(pipeline), **{"steps": 2, **settings})
        assert len(str(caught.value).splitlines()) == 1
        return str(caught.value)

    return message


def test_draws_a_png_that_says_how_it_was_made(draw: Draw, stable_diffusion: Path, tmp_path: Path) -> None:
    settings = {"steps": 3, "guidance": 4.5, "size": "64x32", "seed": 11, "negative": "blur", "dtype": "fp32"}
    picture = draw(" a fox\nreading 一本书 ", pipeline=str(stable_diffusion), directory="new/images", **settings)[0]
    assert Path(picture.path).parent == tmp_path / "new" / "images"
    assert re.fullmatch(r"\d{8}-\d{6}-a-fox-reading-一本书\.png", Path(picture.path).name)
    assert picture.description == "a fox reading 一本书"
    revision = picture.details["revision"]
    assert re.fullmatch("folder:[0-9a-f]{12}", revision)
    assert picture.details == {"pipeline": str(stable_diffusion), "revision": revision, **settings}
    with Image.open(picture.path) as image:
        assert (image.format, image.size) == ("PNG", (512, 256))  # enlarged to be looked at
        assert image.text["Description"] == picture.description
        assert json.loads(image.text["moss_agent"]) == picture.details
        assert image.getextrema() != ((0, 0),) * 3


@pytest.mark.parametrize("family", ["stable_diffusion", "stable_diffusion_xl", "flux"])
def test_every_family_draws_and_repeats_itself(draw: Draw, family: str, request: pytest.FixtureRequest) -> None:
    folder = str(request.getfixturevalue(family))
    first, again, other = (draw("a fox", pipeline=folder, steps=2, seed=seed)[0] for seed in (5, 5, 6))
    contents = [Path(picture.path).read_bytes() for picture in (first, again, other)]
    assert contents[0] == contents[1] != contents[2]
    assert len({first.path, again.path, other.path}) == 3


def test_several_pictures_have_seeds_one_after_another(draw: Draw, stable_diffusion: Path) -> None:
    pictures = draw("a fox", pipeline=str(stable_diffusion), steps=1, seed=7, count=3)
    assert [picture.details["seed"] for picture in pictures] == [7, 8, 9]
    alone = draw("a fox", pipeline=str(stable_diffusion), steps=1, seed=8)[0]
    assert Path(alone.path).read_bytes() == Path(pictures[1].path).read_bytes()


def test_new_seeds_are_recorded(fox: Callable[..., Picture]) -> None:
    first, second = fox(), fox()
    assert first.details["seed"] != second.details["seed"]
    repeated = fox(seed=first.details["seed"])
    assert Path(repeated.path).read_bytes() == Path(first.path).read_bytes()


@pytest.mark.parametrize("family", ["stable_diffusion", "flux"])
def test_reports_every_step(draw: Draw, family: str, request: pytest.FixtureRequest) -> None:
    heard: list[tuple[int, int]] = []
    previews: list[bytes] = []

    def listen(done: int, total: int, preview: bytes) -> None:
        heard.append((done, total))
        previews.append(preview)

    with listening(listen):
        draw("a fox", pipeline=str(request.getfixturevalue(family)), steps=3, count=2)
    assert [pair for pair in heard if pair[1]] == [(n, 6) for n in range(1, 7)]
    if family == "stable_diffusion":  # its latents are a small picture; those of Flux are packed
        assert all(preview.startswith(b"\x89PNG") for preview in previews[-6:])


def test_reports_no_more_steps_than_there_are(draw: Draw, broken: Path) -> None:
    """Stable Diffusion 1 comes with a scheduler that takes a step more than it is told."""
    PNDMScheduler(skip_prk_steps=True, steps_offset=1).save_pretrained(broken / "scheduler")
    index = json.loads((broken / "model_index.json").read_text())
    (broken / "model_index.json").write_text(json.dumps(index | {"scheduler": ["diffusers", "PNDMScheduler"]}))
    heard: list[tuple[int, int]] = []
    with listening(lambda done, total, _: heard.append((done, total))):
        draw("a fox", pipeline=str(broken), steps=5, count=2)
    assert [pair for pair in heard if pair[1]] == [(n, 12) for n in range(1, 13)]


def test_the_pictures_before_one_that_fails_are_kept(draw: Draw, stable_diffusion: Path) -> None:
    def stop(done: int, total: int, preview: bytes) -> None:
        if done == 5:
            raise PluginTimeout("given up")

    with listening(stop):
        pictures = draw("a fox", pipeline=str(stable_diffusion), steps=2, count=4, seed=2**32 - 1)
    assert [picture.details["seed"] for picture in pictures] == [2**32 - 1, 0]
    assert pictures[-1].notices == ("only 2 of 4 pictures are drawn: given up",)


def test_ends_at_the_step_after_it_was_given_up(fox: Callable[..., Picture], tmp_path: Path) -> None:
    steps = []

    def give_up(done: int, total: int, preview: bytes) -> None:
        steps.append(done)
        if done == 2:
            raise PluginTimeout("given up")

    with listening(give_up), pytest.raises(PluginTimeout, match="given up"):
        fox(steps=50)
    assert steps[-1] == 2
    assert not list((tmp_path / "images").iterdir())
    assert fox(seed=1)  # and the next one is drawn


def test_stops_when_its_time_is_up(fox: Callable[..., Picture]) -> None:
    with pytest.raises(PluginTimeout, match="only at step 1 .* longer time_limit"):
        fox(steps=50, time_limit=0.0)


@pytest.mark.parametrize(
    ("settings", "culprit"),
    [
        ({"steps": 0}, "steps = 0"),
        ({"steps": 10**6}, "from 1 to 1000"),
        ({"size": "99999x64"}, "4096x4096 at most"),
        ({"guidance": -1.0}, "guidance = -1"),
        ({"count": 0}, "count = 0"),
        ({"count": 1000}, "from 1 to 16"),
        ({"seed": -1}, "seed = -1"),
        ({"size": "big"}, '"big"'),
        ({"size": "0x8"}, '"0x8"'),
        ({"size": "33x32"}, "33"),
        ({"pipeline": ""}, '"doodle"'),
    ],
)
def test_wrong_settings_are_named(
    error_of: Callable[..., str], stable_diffusion: Path, settings: dict[str, object], culprit: str
) -> None:
    assert culprit in error_of(**{"pipeline": stable_diffusion, **settings})


def test_a_setting_that_the_pipeline_has_not(error_of: Callable[..., str], flux: Path) -> None:
    assert "FluxPipeline knows no negative: remove that" in error_of(flux, negative="blurry")


def test_a_pipeline_that_takes_no_description(error_of: Callable[..., str], tmp_path: Path) -> None:
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8,),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
    )
    DDPMPipeline(unet=unet, scheduler=DDPMScheduler()).save_pretrained(tmp_path / "no-text")
    assert "cannot be loaded" in error_of(tmp_path / "no-text")


def test_what_libraries_say_of_a_long_description_stays_off_the_screen(
    draw: Draw, broken: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)  # to where caplog looks
    draw("abcdefg hijklmn opq the end", pipeline=str(broken), steps=1)
    assert "Token indices" not in caplog.text


def test_an_empty_description(draw: Draw, stable_diffusion: Path) -> None:
    with pytest.raises(PluginError, match="empty"):
        draw(" \n\x00", pipeline=str(stable_diffusion))


def test_lack_of_memory_names_what_would_fit(module: Callable[[str], ModuleType]) -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    failure = module("_loading").failure
    assert 'out of memory; set size = "512x384" or a smaller pipeline' in str(failure("", caught.value, "1024x768"))
    for size in ("", "64x64", "0x0"):
        assert "out of memory; set a smaller pipeline" in str(failure("", caught.value, size))


@pytest.mark.parametrize("family", ["stable_diffusion", "stable_diffusion_xl", "flux"])
def test_the_size_is_known_that_is_drawn_without_one(
    family: str, module: Callable[[str], ModuleType], request: pytest.FixtureRequest
) -> None:
    pipe = AutoPipelineForText2Image.from_pretrained(request.getfixturevalue(family))
    assert module("_drawing").side(pipe) == pipe("a fox", num_inference_steps=1).images[0].width


def test_what_says_nothing_of_a_size_has_none(module: Callable[[str], ModuleType]) -> None:
    for pipe in (SimpleNamespace(config={}), SimpleNamespace(config={}, unet=SimpleNamespace(config={}))):
        assert module("_drawing").side(pipe) == 0


def test_a_pipeline_larger_than_the_memory_is_refused(
    error_of: Callable[..., str], broken: Path, module: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module("_loading"), "memory_for", lambda device: (1000, None))
    assert "GB of memory and 0.0 GB are free" in error_of(broken)


def test_a_refused_picture_says_so(error_of: Callable[..., str], stable_diffusion: Path, tmp_path: Path) -> None:
    """With a real safety checker whose every limit is below anything."""
    vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = CLIPConfig(
        text_config=vision, vision_config={**vision, "image_size": 32, "patch_size": 8}, projection_dim=32
    )
    checker = StableDiffusionSafetyChecker(config)
    checker.concept_embeds_weights.data.fill_(-2.0)
    pipe = StableDiffusionPipeline.from_pretrained(stable_diffusion)
    pipe.register_modules(
        safety_checker=checker,
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
    )
    pipe.save_pretrained(tmp_path / "refusing")
    assert "safety checker refused" in error_of(tmp_path / "refusing")


def test_pictures_at_once_are_drawn_in_the_order_asked_for(
    draw: Draw, stable_diffusion: Path, module: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = module("_pipeline_queue").queue("auto", 60.0)
    pipeline, drawing = queue.pipeline, []

    def noting(request: object) -> object:
        drawing.append(threading.current_thread())  # within the turn: who leaves it first may be slow to say so
        return pipeline(request)

    monkeypatch.setattr(queue, "pipeline", noting)
    settings = {"pipeline": str(stable_diffusion), "steps": 1, "seed": 1}
    with queue.turn():
        threads = [threading.Thread(target=draw, args=("a fox",), kwargs=settings) for _ in range(4)]
        for number, thread in enumerate(threads):
            thread.start()
            while len(queue._queue) < number + 2:
                time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert drawing == threads
    assert len(list(Path("images").iterdir())) == 4
