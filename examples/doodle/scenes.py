"""Scenes: one or two things with colours, sizes and places on a plain background, in words and as a picture."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from .drawings import Drawings, render

SIDE = 64  # what the sizes below are measured in
COLOURS = {
    "red": (222, 44, 48),
    "orange": (245, 130, 32),
    "yellow": (250, 206, 50),
    "green": (56, 160, 70),
    "blue": (52, 116, 226),
    "purple": (134, 72, 196),
    "pink": (246, 130, 176),
    "brown": (134, 84, 50),
    "black": (44, 44, 50),
    "white": (246, 246, 248),
    "grey": (140, 144, 150),
}
PAPER = (255, 255, 255)
ONE_THING = {"small": 30, "": 56, "big": 64}  # pixels of its side
ONE_THING_IN_A_PLACE = {"small": 22, "": 34, "big": 44}
TWO_THINGS = {"small": 20, "": 29, "big": 32}
SIZES = ("small", "big")
PLACES = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}
BESIDE = ("and", "with", "next to", "beside")
RELATIONS = {**dict.fromkeys(BESIDE, (-1, 0)), "above": (0, -1), "on": (0, -1), "below": (0, 1), "under": (0, 1)}


@dataclass(frozen=True)
class Thing:
    name: str
    colour: str = ""
    size: str = ""

    @property
    def text(self) -> str:
        return " ".join(word for word in (self.size, self.colour, self.name) if word)


@dataclass(frozen=True)
class Scene:
    """One thing in a place, or two, the first standing to the second as the relation says."""

    things: tuple[Thing, ...]
    place: str = ""
    relation: str = ""
    background: str = ""


def text(scene: Scene, rng: random.Random) -> str:
    """The scene in words, one of several ways to put it."""
    if scene.relation:
        said = text_of_two(scene, rng)
    else:
        said = scene.things[0].text + (in_place(scene.place, rng) if scene.place else "")
    if scene.background:
        said += rng.choice((", {} background", " on a {} background", " with a {} background")).format(scene.background)
    return said


def text_of_two(scene: Scene, rng: random.Random) -> str:
    """Two things with the relation said, or left out if they are beside one another, or by the place of one or both."""
    said, chance = [thing.text for thing in scene.things], rng.random()
    if chance < 0.2:
        across, down = RELATIONS[scene.relation]
        places = {direction: place for place, direction in PLACES.items()}
        there = places[across, down], places[-across, -down]
        order = rng.choice(((0, 1), (1, 0)))
        for number in order[: rng.choice((1, 2))]:  # "owl and fox on the left" would say that of both
            said[number] += in_place(there[number], rng)
        return " and ".join(said[number] for number in order)
    if chance < 0.4 and scene.relation in BESIDE:
        return rng.choice((" ", ", ")).join(said)
    return f" {scene.relation} ".join(said)


def in_place(place: str, rng: random.Random) -> str:
    before = "at" if place in ("top", "bottom") else "on"
    return rng.choice((f" {before} the {place}", f" {place}"))


def picture(scene: Scene, drawings: Drawings, scale: int = 1) -> np.ndarray:
    """The scene as uint8 of height x width x 3, both SIDE times `scale` pixels."""
    canvas = np.empty((SIDE * scale, SIDE * scale, 3), dtype=np.float32)
    canvas[:] = np.array(COLOURS.get(scene.background, PAPER), dtype=np.float32) / 255
    for thing, box in zip(scene.things, boxes(scene), strict=True):
        left, top, side = (scale * number for number in box)
        drawn = render(drawings[thing.name], side).astype(np.float32) / 255
        colours, opacity = drawn[..., :3], drawn[..., 3:]
        if thing.colour:
            colours = tinted(colours, thing.colour)
        there = canvas[top : top + side, left : left + side]
        there += opacity * (colours - there)
    return (canvas * 255).round().astype(np.uint8)


def boxes(scene: Scene) -> list[tuple[int, int, int]]:
    """Left, top and side of every thing."""
    sides = ONE_THING_IN_A_PLACE if scene.place else ONE_THING
    if len(scene.things) == 1:
        side = sides[scene.things[0].size]
        shift = (SIDE - side) // 2
        across, down = PLACES.get(scene.place, (0, 0))
        margin = min(2, shift)
        return [(shift + across * (shift - margin), shift + down * (shift - margin), side)]
    across, down = RELATIONS[scene.relation]
    found = []
    for thing, direction in zip(scene.things, (1, -1), strict=True):
        side = TWO_THINGS[thing.size]
        centre = (SIDE // 2 + direction * across * SIDE // 4, SIDE // 2 + direction * down * SIDE // 4)
        found.append((centre[0] - side // 2, centre[1] - side // 2, side))
    return found


def tinted(colours: np.ndarray, colour: str) -> np.ndarray:
    """The drawing's light and shade in one colour: darker towards black, lighter towards white."""
    light = colours @ np.array((0.299, 0.587, 0.114), dtype=np.float32)
    light = light[..., None]
    tint = np.array(COLOURS[colour], dtype=np.float32) / 255
    return np.where(light < 0.6, tint * (0.25 + 0.75 * light / 0.6), tint + (1 - tint) * (light - 0.6) / 0.4 * 0.85)


def random_scene(names: list[str], rng: random.Random) -> Scene:
    """Anything but a plain drawing: those are few enough to be learned one by one."""
    background = rng.choice(["", *COLOURS]) if rng.random() < 0.5 else ""
    if rng.random() < 0.5:
        things = tuple(random_thing(names, rng, background, often=0.25) for _ in range(2))
        return Scene(things, relation=rng.choice(list(RELATIONS)), background=background)
    place = rng.choice(list(PLACES)) if rng.random() < 0.3 else ""
    return Scene((random_thing(names, rng, background, often=0.5),), place=place, background=background)


def random_thing(names: list[str], rng: random.Random, background: str, often: float) -> Thing:
    colour = rng.choice([colour for colour in COLOURS if colour != background]) if rng.random() < often else ""
    size = rng.choice(SIZES) if rng.random() < 0.2 else ""
    thing = Thing(rng.choice(names), colour, size)
    return Thing(thing.name) if is_misread(thing, names) else thing


def is_misread(thing: Thing, names: Collection[str]) -> bool:
    """Whether it is said as another drawing, or begins as one: "black cat", "red heart with arrow"."""
    adjectives = {thing.size, thing.colour, f"{thing.size} {thing.colour}".strip()} - {""}
    said = [f"{before} {thing.name}" for before in adjectives]
    return any(words.startswith(name) for words in said for name in names)
