"""The pipeline that comes along: what it knows, what it says of the rest, what it weighs."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from moss_agent.errors import PluginError, UsageError
from moss_agent.events import Picture
from moss_agent.plugin_host.progress import listening

pytestmark = pytest.mark.slow

Draw = Callable[..., list[Picture]]

THINGS = ["fox", "owl", "red apple", "rocket", "guitar", "house", "fish", "umbrella", "key", "snowman"]
# Where two things are drawn in 32x32 pixels: rows, then columns.
LEFT, RIGHT = np.s_[9:23, 1:15], np.s_[9:23, 17:31]
TOP, BOTTOM = np.s_[1:15, 9:23], np.s_[17:31, 9:23]


def pixels(picture: Picture) -> bytes:
    return Image.open(picture.path).tobytes()


def test_it_is_small_and_holds_nothing_that_runs(module: Callable[[str], ModuleType]) -> None:
    folder = module("_sources").BUNDLED["doodle"]
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 40_000_000
    assert {file.suffix for file in files} <= {".json", ".safetensors", ".txt", ".md", ".png"}
    assert {"README.md", "samples.png"} <= {file.name for file in files}
    for file in folder.rglob("*.safetensors"):
        assert {tensor.dtype for tensor in load_file(file).values()} == {torch.float16}


@pytest.fixture(scope="module")
def drawings() -> np.ndarray:
    """The THINGS as Fluent Emoji (MIT, Microsoft) has them: each 32x32 pixels from 0 to 1."""
    strip = np.asarray(Image.open(Path(__file__).with_name("drawings.png"))) / 255
    return np.stack(np.split(strip, len(THINGS), axis=1))


def small(picture: Picture) -> np.ndarray:
    """32x32 pixels from 0 to 1."""
    return np.asarray(Image.open(picture.path).resize((32, 32), Image.Resampling.BOX)) / 255


def nearest(drawn: np.ndarray, drawings: np.ndarray) -> str:
    return THINGS[int(((drawings - drawn) ** 2).mean((1, 2, 3)).argmin())]


@pytest.mark.slow
def test_it_draws_what_was_asked_for(draw: Draw, drawings: np.ndarray) -> None:
    assert [nearest(small(draw(thing, seed=1)[0]), drawings) for thing in THINGS] == THINGS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "first", "second"),
    [
        ("a {} and a {}", LEFT, RIGHT),
        ("{}和{}", LEFT, RIGHT),
        ("a {} above a {}", TOP, BOTTOM),
        ("a {} under a {}", BOTTOM, TOP),
        ("a {} on the right and a {} on the left", RIGHT, LEFT),
    ],
)
def test_it_draws_two_things_where_they_were_said_to_be(
    draw: Draw, drawings: np.ndarray, said: str, first: tuple[slice, ...], second: tuple[slice, ...]
) -> None:
    halves = drawings[:, 2:30, 2:30].reshape(len(THINGS), 14, 2, 14, 2, 3).mean((2, 4))
    for things in (["fox", "owl"], ["owl", "fox"], ["red apple", "umbrella"]):
        drawn = small(draw(said.format(*things), seed=1)[0])
        assert [nearest(drawn[part], halves) for part in (first, second)] == things


@pytest.mark.slow
def test_it_knows_colours_backgrounds_and_places(draw: Draw) -> None:
    drawn = small(draw("a blue fox on a yellow background", seed=1)[0])
    assert np.allclose(drawn[0, 0], (0.98, 0.81, 0.2), atol=0.15)
    middle = drawn[12:20, 12:20].mean((0, 1))
    assert middle[2] > middle[0]
    left = small(draw("a small owl on the left", seed=1)[0])
    ink = 1 - left.mean(2)
    assert ink[:, :16].sum() > 5 * ink[:, 16:].sum()


def test_it_shows_the_picture_after_every_step(draw: Draw) -> None:
    previews: list[bytes] = []
    with listening(lambda done, total, preview: total and previews.append(preview)):
        draw("a fox", steps=3)
    assert [Image.open(io.BytesIO(preview)).size for preview in previews] == [(128, 128)] * 3


def test_it_draws_what_was_asked_for_by_other_words_too(draw: Draw) -> None:
    fox, same, chinese, owl = (draw(text, steps=2, seed=1)[0] for text in ("a fox", "FOXES", "狐狸", "an owl"))
    assert pixels(fox) == pixels(same) == pixels(chinese) != pixels(owl)
    assert fox.notices == chinese.notices == ()
    assert (fox.details["pipeline"], fox.details["size"]) == ("doodle", "128x128")
    assert Image.open(fox.path).size == (512, 512)


def test_steps_and_guidance_have_good_values_of_their_own(draw: Draw) -> None:
    details = draw("a fox", seed=1)[0].details
    assert (details["steps"], details["guidance"]) == (16, 2.0)


def test_unknown_words_are_named(draw: Draw) -> None:
    picture = draw("a fox reading a large book", steps=1)[0]
    assert picture.notices == ("the pipeline doodle does not know and leaves out: reading",)


@pytest.mark.parametrize(
    ("description", "unknown"),
    [("🦊 a cat", "🦊"), ("狐狸🦊", "🦊"), ("♥ cat ∑ 5", "♥, ∑, 5"), ("a cat ❤\ufe0f", "❤"), ("a cat!", "")],
)
def test_symbols_that_it_does_not_know_are_named_too(draw: Draw, description: str, unknown: str) -> None:
    notices = draw(description, steps=1)[0].notices
    assert notices == ((f"the pipeline doodle does not know and leaves out: {unknown}",) if unknown else ())


def test_what_is_left_out_of_a_long_description_is_shown_in_part(draw: Draw) -> None:
    notices = draw("a fox " + "qwertz " * 2000, steps=1)[0].notices
    assert len(notices) == 2 and all(len(notice) < 200 for notice in notices)


@pytest.mark.parametrize(
    ("description", "unknown"),
    [
        ("quantum fields", "quantum, fields"),
        ("a blue background", "a blue background"),
        ("量子力学", "量子力学"),
        ("the", "the"),
    ],
)
def test_what_it_cannot_draw_is_refused(draw: Draw, description: str, unknown: str) -> None:
    with pytest.raises(
        PluginError, match=f"knows nothing that it could draw in {unknown}: it draws single things such"
    ):
        draw(description, steps=1)
    assert not list(Path("images").iterdir())


def test_more_things_than_it_has_learned_to_draw_get_a_notice(draw: Draw) -> None:
    notices = draw("a fox, a cat and a dog", steps=1)[0].notices
    assert notices == ("the pipeline doodle has learned to draw one or two things, not 3",)


def test_it_draws_in_one_size(draw: Draw) -> None:
    with pytest.raises(UsageError, match="the pipeline doodle draws 128x128 only: remove size"):
        draw("a fox", size="512x512")
    assert draw("a fox", size="128x128", steps=1)


def test_a_long_description_is_cut_with_a_notice(draw: Draw) -> None:
    picture = draw("fox and owl " * 8, steps=1)[0]
    assert picture.notices[-1].startswith("the description is too long for the pipeline, which takes 14 tokens of it")
