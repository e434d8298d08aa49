"""The real plugin draws with a tiny random Stable Diffusion pipeline in the public folder layout."""

from __future__ import annotations

import json
import re
import resource
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moss_agent.errors import MissingDependency, PluginError, PluginTimeout
from moss_agent.events import Picture
from moss_agent.plugin_host.discovery import load_module

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")
from PIL import Image  # noqa: E402  (comes with diffusers)

PLUGINS = Path(__file__).parents[2] / "plugins"
module = load_module(PLUGINS / "text_to_image.py")
files = load_module(PLUGINS / "_picture_files.py")
draw = module.text_to_image


def tokenizer(folder: Path) -> transformers.CLIPTokenizer:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer.from_pretrained(folder, model_max_length=16)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pipeline with 0.15 M random parameters that draws 32x32 pixels."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny")
    words = tokenizer(folder)
    text_encoder = transformers.CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=16,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
    )
    unet = diffusers.UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
    )
    pipeline = diffusers.StableDiffusionPipeline(
        vae=vae,
        text_encoder=transformers.CLIPTextModel(text_encoder),
        tokenizer=words,
        unet=unet,
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder / "pipeline")
    return folder / "pipeline"


@pytest.fixture
def broken(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the pipeline for a test to break."""
    return Path(shutil.copytree(tiny, tmp_path / "broken"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fox(pipeline: Path, **settings: object) -> Picture:
    return draw("a fox", pipeline=str(pipeline), **{"steps": 2, **settings})


def error_of(pipeline: Path | str, **settings: object) -> str:
    with pytest.raises(PluginError) as caught:
        fox(pipeline, **settings)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_draws_a_png_that_says_how_it_was_made(tiny: Path, tmp_path: Path) -> None:
    settings = {"steps": 3, "guidance": 4.5, "size": "64x32", "seed": 11, "negative": "blur"}
    picture = draw(" a fox\nreading 一本书 ", pipeline=str(tiny), directory="new/images", **settings)
    assert Path(picture.path).parent == tmp_path / "new" / "images"
    assert re.fullmatch(r"\d{8}-\d{6}-a-fox-reading-一本书\.png", Path(picture.path).name)
    assert picture.description == "a fox reading 一本书"
    assert picture.details == {"pipeline": str(tiny), "revision": "", **settings}
    with Image.open(picture.path) as image:
        assert (image.format, image.size) == ("PNG", (64, 32))
        assert image.text == {"Description": picture.description} | {k: str(v) for k, v in picture.details.items()}
        assert image.getextrema() != ((0, 0),) * 3


def test_same_seed_gives_the_same_bytes_and_no_file_is_overwritten(tiny: Path) -> None:
    paths = [Path(fox(tiny, seed=seed).path) for seed in (5, 5, 6)]
    first, second, third = (path.read_bytes() for path in paths)
    assert len(set(paths)) == 3
    assert first == second != third


def test_seed_and_defaults_are_recorded(tiny: Path) -> None:
    first, again = fox(tiny), fox(tiny)
    assert first.details["seed"] != again.details["seed"]
    assert first.details["guidance"] == 7.5  # the default of Stable Diffusion pipelines
    repeated = fox(tiny, seed=first.details["seed"])
    assert Path(repeated.path).read_bytes() == Path(first.path).read_bytes()


def test_several_at_once_are_drawn_in_turn(tiny: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        pictures = list(threads.map(lambda _: fox(tiny, seed=1), range(4)))
    assert len({picture.path for picture in pictures}) == 4
    assert len({Path(picture.path).read_bytes() for picture in pictures}) == 1


def test_many_writers_never_share_a_name(tmp_path: Path) -> None:
    def save(number: int) -> Path:
        return files.save(Image.new("RGB", (8, 8)), tmp_path, "same", {"number": number})

    with ThreadPoolExecutor(8) as threads:
        paths = list(threads.map(save, range(40)))
    assert [Image.open(path).text["number"] for path in paths] == [str(n) for n in range(40)]
    assert sorted(tmp_path.iterdir()) == sorted(paths)


@pytest.mark.parametrize(
    ("description", "slug"),
    [
        ("狐狸看书", "狐狸看书"),
        ("../../etc: a*b?\x00", "etc-a-b"),
        ("🦊", "picture"),
        ("CON", "con"),
        ("x" * 500, "x" * 32),
    ],
)
def test_names_are_safe_everywhere(description: str, slug: str) -> None:
    assert files.slug(description) == slug


def test_stops_at_the_deadline_and_draws_again(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fox(tiny)
    with monkeypatch.context() as hurry:
        hurry.setattr(module, "LIMIT", 0.0)
        with pytest.raises(PluginTimeout, match="at step 1 "):
            fox(tiny, steps=50)
    assert fox(tiny, seed=1)


def test_without_a_pipeline_says_what_to_write() -> None:
    message = error_of("")
    assert "[plugins.text_to_image]" in message and 'pipeline = "stabilityai/sd-turbo"' in message


@pytest.mark.parametrize(
    ("settings", "culprit"), [({"steps": 0}, "steps = 0"), ({"size": "big"}, '"big"'), ({"size": "33x32"}, "33")]
)
def test_wrong_settings_are_named(tiny: Path, settings: dict[str, object], culprit: str) -> None:
    assert culprit in error_of(tiny, **settings)


def test_lack_of_memory_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert "out of memory; set a smaller size" in str(module.failure("cannot draw", caught.value))


def test_unknown_folder_and_unreachable_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no pipeline folder ./nowhere" in error_of("./nowhere")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "cannot be fetched and is not in the cache" in error_of("someone/some-pipeline")


def test_pickled_weights_are_refused(broken: Path) -> None:
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    assert "pickled weights or code of its own" in error_of(broken)


@pytest.mark.parametrize("part", ["_class_name", "unet"])
def test_code_of_the_pipeline_is_refused(broken: Path, part: str) -> None:
    (broken / "own_code.py").write_text("raise SystemExit('this ran')")
    (broken / part).mkdir(exist_ok=True)
    shutil.copy(broken / "own_code.py", broken / part)
    index = json.loads((broken / "model_index.json").read_text())
    (broken / "model_index.json").write_text(json.dumps(index | {part: ["own_code", "Mine"]}))
    assert "pickled weights or code of its own" in error_of(broken)


def test_damaged_pipelines(broken: Path) -> None:
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "cannot be loaded" in error_of(broken)
    (broken / "model_index.json").write_text("{")
    assert "no readable model_index.json" in error_of(broken)


def test_directory_that_cannot_be_written(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "set directory under [plugins.text_to_image]" in error_of(tiny, directory=str(tmp_path / "file" / "images"))


def test_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    noise = Image.effect_noise((256, 256), 100)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(PluginError, match="cannot be saved"):
            files.save(noise, tmp_path, "noise", {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_missing_diffusers_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers.utils", None)
    with pytest.raises(MissingDependency, match=r"moss-agent\[images\]"):
        fox(Path("nowhere"))
