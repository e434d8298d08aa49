"""Scenes of the drawings, in words that the tokenizer knows and as pictures."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.doodle import drawings, scenes, words
from examples.doodle.scenes import Scene, Thing
from moss_agent.resources import bundled
from tests.examples.doodle.package import NAMES


@pytest.fixture(scope="module")
def numbers() -> dict[str, int]:
    return words.vocabulary(NAMES)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return words.tokenizer(NAMES)


def test_flags_and_other_skin_tones_are_left_out(pictures: drawings.Drawings) -> None:
    assert list(pictures) == NAMES


def test_every_name_is_one_token_wherever_it_stands() -> None:
    known = words.tokenizer(NAMES)
    numbers = words.vocabulary(NAMES)
    for name in NAMES:
        tokens = known(f"A small blue {name} on the left, with a green background!")["input_ids"]
        assert tokens[3] == numbers[name]
        assert numbers[words.UNKNOWN] not in tokens
    text = "The fox reads an old category"
    encoded = known(text, return_offsets_mapping=True)
    pairs = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    assert [text[slice(*place)] for token, place in pairs if token == numbers[words.UNKNOWN]] == [
        "reads",
        "old",
        "category",
    ]


def test_plurals_and_synonyms_mean_what_is_learned() -> None:
    meant = words.meanings(NAMES)
    assert meant["foxes"] == "fox" and meant["traffic lights"] == "traffic light"
    assert [words.plural(name) for name in ("snowman", "maple leaf", "box", "fairy")] == [
        "snowmen",
        "maple leaves",
        "boxes",
        "fairies",
    ]
    assert meant["tiny"] == "small" and meant["狐狸"] == "fox"
    assert "puppy" not in meant  # there is no dog face here
    numbers = words.vocabulary(NAMES)
    chinese = words.tokenizer(NAMES)("一只红色的狐狸在左边，蓝色背景")["input_ids"]
    assert chinese[1:7] == [numbers[word] for word in ("红", "狐狸", "左边", ",", "蓝", "背景")]


@given(st.integers(0, 10**6))
def test_scenes_are_said_in_known_words_and_stay_on_the_canvas(
    numbers: dict[str, int], tokenizer: Any, seed: int
) -> None:
    rng = random.Random(seed)
    scene = scenes.random_scene(NAMES, rng)
    tokens = tokenizer(scenes.text(scene, rng))["input_ids"]
    assert numbers[words.UNKNOWN] not in tokens and len(tokens) <= words.LENGTH
    of_things = {numbers[word] for word in (*scenes.SIZES, *scenes.COLOURS, *NAMES)}
    in_order = [
        [word for thing in things for word in (thing.size, thing.colour, thing.name)]
        for things in (scene.things, scene.things[::-1])
    ]
    assert [token for token in tokens if token in of_things] in [
        [numbers[word] for word in (*said, scene.background) if word] for said in in_order
    ]
    for left, top, side in scenes.boxes(scene):
        assert left >= 0 and top >= 0 and max(left, top) + side <= scenes.SIDE


@given(st.integers(0, 10**6), st.sampled_from(list(scenes.RELATIONS)))
def test_of_two_things_in_places_each_is_where_it_is_said(seed: int, relation: str) -> None:
    scene = Scene((Thing("fox"), Thing("owl")), relation=relation)
    boxes = dict(zip(("fox", "owl"), scenes.boxes(scene), strict=True))
    said = scenes.text(scene, random.Random(seed))
    found = re.findall(r"(fox|owl)(?: on the| at the|) (left|right|top|bottom)", said)
    assert len(found) != 1 or said.startswith(found[0][0])  # or it would be said of both
    for name, place in found:
        across, down = scenes.PLACES[place]
        left, top, side = boxes[name]
        assert across * (left + side // 2 - scenes.SIDE // 2) + down * (top + side // 2 - scenes.SIDE // 2) > 0


def test_pictures_have_their_colours_and_places(pictures: drawings.Drawings) -> None:
    scene = Scene((Thing("owl", "blue"), Thing("fox")), relation="above", background="green")
    drawn = scenes.picture(scene, pictures, 2)
    assert drawn.shape == (128, 128, 3)
    assert tuple(drawn[0, 0]) == scenes.COLOURS["green"]
    red, green, blue = drawn[32, 64]
    assert blue > red and blue > green
    assert tuple(drawn[96, 64]) == (255, 102, 0)


def test_the_tokenizer_is_that_of_the_bundled_pipeline() -> None:
    folder = bundled("plugins") / "text_to_image" / "doodle"
    shipped = json.loads((folder / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8"))
    things = (folder / "things.txt").read_text(encoding="utf-8").split("\n")
    names = things[:1586]
    assert things == [*names, *(word for word, name in words.meanings(names).items() if name in set(names))]
    assert json.loads(words.tokenizer(names).backend_tokenizer.to_str())["model"] == shipped["model"]
