"""Which folders are loaded, and which are refused in one line."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from moss_agent.errors import PluginError, PluginTimeout, UsageError
from moss_agent.events import Picture
from moss_agent.plugin_host.progress import listening

pytestmark = pytest.mark.slow

UNSAFE = "pickled weights or code of its own"


@pytest.fixture
def error_of(draw: Callable[..., list[Picture]]) -> Callable[[Path | str], str]:
    def message(pipeline: Path | str) -> str:
        with pytest.raises((PluginError, UsageError)) as caught:
            draw("a fox", pipeline=str(pipeline), steps=1)
        assert len(str(caught.value).splitlines()) == 1
        return str(caught.value)

    return message


def test_unknown_folder_and_unreachable_hub(
    error_of: Callable[[Path | str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("./nowhere", "~nobodyx/pipeline", "x" * 5000):
        assert f"no pipeline folder {name[:40]}" in error_of(name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "cannot be fetched and is not in the cache" in error_of("someone/some-pipeline")


def test_pickled_weights_are_refused(broken: Path, error_of: Callable[[Path], str], tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "this-ran",)

    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    weights.with_suffix(".bin").write_bytes(pickle.dumps(Bomb()))
    assert UNSAFE in error_of(broken)
    assert not (tmp_path / "this-ran").exists()


@pytest.mark.parametrize("part", ["_class_name", "unet"])
def test_code_of_the_pipeline_is_refused(
    broken: Path, part: str, error_of: Callable[[Path], str], tmp_path: Path
) -> None:
    (broken / part).mkdir(exist_ok=True)
    for folder in (broken, broken / part):
        (folder / "own_code.py").write_text(f"open({str(tmp_path / 'this-ran')!r}, 'w')")
    index = json.loads((broken / "model_index.json").read_text())
    (broken / "model_index.json").write_text(json.dumps(index | {part: ["own_code", "Mine"]}))
    assert UNSAFE in error_of(broken)
    assert not (tmp_path / "this-ran").exists()


def test_damaged_pipelines(broken: Path, error_of: Callable[[Path], str]) -> None:
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    content = weights.read_bytes()
    for damaged in (content[:1000], b"", b"\xff" * 64):
        weights.write_bytes(damaged)
        assert "cannot be loaded" in error_of(broken)
    shutil.rmtree(broken / "unet")
    assert "cannot be loaded" in error_of(broken)


@pytest.mark.parametrize("text", ["{", "7", "null", "[]", pytest.param("[" * 100_000, id="nested"), "\udcff"])
def test_a_damaged_index(broken: Path, error_of: Callable[[Path], str], text: str) -> None:
    (broken / "model_index.json").write_text(text, errors="surrogateescape")
    assert "no readable model_index.json" in error_of(broken)


def test_what_lies_in_a_folder_that_is_no_pipeline_is_not_read(tmp_path: Path, error_of: Callable[[Path], str]) -> None:
    for name in ("waits-for-ever.json", "model_index.json"):
        os.mkfifo(tmp_path / name)
    assert "no readable model_index.json" in error_of(tmp_path)


def test_a_pipe_among_the_weights_is_not_waited_for(broken: Path, draw: Callable[..., list[Picture]]) -> None:
    os.mkfifo(broken / "unet" / "waits-for-ever.safetensors")
    assert draw("a fox", pipeline=str(broken), steps=1)


def test_the_folder_of_a_repeated_picture_is_not_looked_for_on_the_hub(module: Callable[[str], ModuleType]) -> None:
    with pytest.raises(PluginError, match="folder models/sd, which is not here"):
        module("_sources").locate("models/sd", "folder:0123456789ab")


def test_the_fingerprint_tells_one_pipeline_from_another(broken: Path, module: Callable[[str], ModuleType]) -> None:
    fingerprint = module("_sources").fingerprint
    (broken / "folder.json").mkdir()
    (broken / "nowhere.json").symlink_to("nothing")
    os.mkfifo(broken / "waits-for-ever.json")
    before = fingerprint(broken)
    assert fingerprint(broken) == before
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert fingerprint(broken) != before


def test_a_download_need_not_be_waited_for(module: Callable[[str], ModuleType]) -> None:
    from threading import Event

    arrives = Event()

    def give_up(done: int, total: int, preview: bytes) -> None:
        assert total == 0  # not known yet
        raise PluginTimeout("given up")

    with listening(give_up), pytest.raises(PluginTimeout):
        module("_sources").waiting(lambda: arrives.wait(60) and Path())
    arrives.set()
