"""One picture at a time, and what is kept between pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread, current_thread
from types import ModuleType

import pytest

from moss_agent.errors import PluginError, PluginTimeout, UsageError
from moss_agent.events import Picture
from moss_agent.plugin_host import PluginRunner
from moss_agent.plugin_host.progress import listening

pytestmark = pytest.mark.slow

Draw = Callable[..., list[Picture]]


@pytest.fixture
def queue(module: Callable[[str], ModuleType]) -> Iterator[object]:
    module("_pipeline_queue").release()  # what the tests of another file have left
    yield module("_pipeline_queue").queue("cpu", 60.0)
    module("_pipeline_queue").release()


def test_a_pipeline_is_kept_and_released_for_the_language_model(
    draw: Draw, stable_diffusion: Path, queue: object, module: Callable[[str], ModuleType]
) -> None:
    runner = PluginRunner([module().text_to_image])
    draw("a fox", pipeline=str(stable_diffusion), steps=1, device="cpu")
    kept = queue._loaded
    draw("an owl", pipeline=str(stable_diffusion), steps=1, device="cpu")
    assert queue._loaded is kept is not None
    assert runner.release() and queue._loaded is None
    assert not runner.release()
    draw("a fox", pipeline=str(stable_diffusion), steps=1, device="cpu")  # and it is loaded again


def test_another_pipeline_takes_its_place(draw: Draw, stable_diffusion: Path, flux: Path, queue: object) -> None:
    for folder in (stable_diffusion, flux):
        draw("a fox", pipeline=str(folder), steps=1, device="cpu")
        assert queue._loaded.name == str(folder)


def test_an_unused_pipeline_is_released(draw: Draw, stable_diffusion: Path, queue: object) -> None:
    draw("a fox", pipeline=str(stable_diffusion), steps=1, device="cpu", keep=0.2)
    while queue._loaded is not None:
        time.sleep(0.05)


def test_releasing_waits_for_the_picture_being_drawn(
    draw: Draw, stable_diffusion: Path, queue: object, module: Callable[[str], ModuleType]
) -> None:
    releasing = Thread(target=module("_pipeline_queue").release)

    def release_meanwhile(done: int, total: int, preview: bytes) -> None:
        if done == 1:
            releasing.start()
        if total:
            assert queue._loaded is not None
        if done == 2:
            releasing.join(0.5)
            assert releasing.is_alive()

    with listening(release_meanwhile):
        pictures = draw("a fox", pipeline=str(stable_diffusion), steps=3, device="cpu")
    releasing.join()
    assert len(pictures) == 1 and queue._loaded is None


def test_what_failed_half_way_is_loaded_anew(draw: Draw, stable_diffusion: Path, queue: object) -> None:
    def fail(done: int, total: int, preview: bytes) -> None:
        if done:
            raise RuntimeError("out of memory")

    with listening(fail), pytest.raises(PluginError, match="cannot draw this: out of memory"):
        draw("a fox", pipeline=str(stable_diffusion), steps=2, device="cpu")
    assert queue._loaded is None


def test_what_is_released_goes_before_the_pictures_that_wait(
    draw: Draw,
    stable_diffusion: Path,
    queue: object,
    module: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, released, drawn = [], [], []  # order: of what is done within the turns
    drop, pipeline = queue.drop, queue.pipeline
    monkeypatch.setattr(queue, "drop", lambda: (order.append(current_thread()), drop()))
    monkeypatch.setattr(queue, "pipeline", lambda request: (order.append(current_thread()), pipeline(request))[1])
    waiting = Thread(target=lambda: drawn.extend(draw("a fox", pipeline=str(stable_diffusion), steps=1, device="cpu")))
    releasing = Thread(target=lambda: released.append(module("_pipeline_queue").release()))
    with queue.turn():
        for number, thread in enumerate((waiting, releasing)):
            thread.start()
            while len(queue._queue) < number + 2:
                time.sleep(0.01)
    for thread in (waiting, releasing):
        thread.join()
    assert order == [releasing, waiting, waiting]  # who draws drops what is kept before loading
    assert released == [False] and len(drawn) == 1


def test_a_call_that_is_given_up_leaves_the_queue(draw: Draw, stable_diffusion: Path, queue: object) -> None:
    def give_up(done: int, total: int, preview: bytes) -> None:
        raise PluginTimeout("given up")

    with queue.turn():
        with listening(give_up), pytest.raises(PluginTimeout):
            draw("a fox", pipeline=str(stable_diffusion), steps=1, device="cpu")
        assert len(queue._queue) == 1
    assert draw("a fox", pipeline=str(stable_diffusion), steps=1, device="cpu")


def test_a_device_that_is_not_there(draw: Draw, stable_diffusion: Path) -> None:
    with pytest.raises(UsageError, match="no device 'gpu'"):
        draw("a fox", pipeline=str(stable_diffusion), device="gpu")
