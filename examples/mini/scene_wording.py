"""Scenes in words: as a user asks for them, and as the English description that holds the same parts."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from random import Random

from .scenes import NO_WORD, RELATIONS, Plan, draw_plan, translated, with_article

_SHORTENED = [("$", ""), ("$", ""), ("色的", "色"), ("([红蓝绿黄白黑])色的", r"\1")]  # "红色的猫", "红色猫", "红猫"


@dataclass(frozen=True)
class Scene:
    """What to draw: as the user says it, without measure word, and as the description and the thoughts say it."""

    said: str
    bare: str
    description: str
    parts: str
    odd: bool


def draw_scene(random: Random, language: str) -> Scene:
    """A picture of one to five parts."""
    return scene_of(random, language, draw_plan(random, language))


def scene_of(random: Random, language: str, plan: Plan) -> Scene:
    words = plan.words()
    odd = any(thing.noun.kind == "odd" or thing.name[0] for thing in (plan.subject, plan.other) if thing)
    if language == "en":
        said, parts = _english(random, plan)
        bare = re.sub("^an? ", "", said) if random.random() < 0.1 else said
        return Scene(bare, bare, said, parts, odd)
    order = random.getrandbits(32)
    said = _chinese(Random(order), plan, plan.subject.measure(random))
    bare = _chinese(Random(order), plan, "")
    old, new = random.choice(_SHORTENED)
    said, bare, parts = (re.sub(old, new, text) for text in (said, bare, translated(words)))
    return Scene(said, bare, _description(plan), parts, odd)


def _core(plan: Plan) -> list[str]:
    other = plan.other.english if plan.other else ""
    parts = [plan.subject.english, plan.link[0].format(o=other), plan.place[0], plan.time[0]]
    return [part for part in parts if part]


def _english(random: Random, plan: Plan) -> tuple[str, str]:
    """How it is asked for, which is also its description, and its parts."""
    detail = plan.detail[0] and random.choice((f" with {plan.detail[0]}", f", {plan.detail[0]}"))
    style = plan.style[0] and random.choice((" in {} style", ", {} style", " in the style of {}")).format(plan.style[0])
    negative = plan.negative[0] and f", {plan.negative[0]}"
    product = f"{with_article(plan.product[0])} of " if plan.product[0] else ""
    core = _core(plan)
    extra = [part.lstrip(" ,") for part in (detail, style, negative) if part]
    product_part = [product.removesuffix(" of ")] if product else []
    return product + " ".join(core) + detail + style + negative, "; ".join([*product_part, *core, *extra])


def _description(plan: Plan) -> str:
    """In English, what was asked for in Chinese."""
    text = " ".join(_core(plan))
    text = f"{with_article(plan.product[0])} of {text}" if plan.product[0] else text
    style = f"{plan.style[0]} style" if plan.style[0] else ""
    return ", ".join(part for part in (text, plan.detail[0], style, plan.negative[0]) if part)


def _chinese(random: Random, plan: Plan, measure: str) -> str:
    """The scene in Chinese, with its parts in one of the usual orders."""
    other = plan.other.chinese(plan.other.measure(random)) if plan.other else ""
    link, place = plan.link[1].format(o=other), plan.place[1]
    if plan.link[0].startswith("and "):
        said = plan.subject.chinese(measure) + link + place
    elif plan.link in RELATIONS and place:
        said = plan.subject.chinese(measure) + link + "，" + place
    elif (place or link) and random.random() < 0.45:
        body = replace(plan.subject, count=NO_WORD).chinese("")
        count = plan.subject.count[1] and plan.subject.count[1] + plan.subject.noun.measure
        said = (count or measure) + place + (link.removeprefix("在") if place else link) + "的" + body
    else:
        said = plan.subject.chinese(measure) + place + (link.removeprefix("在") if place else link)
    if plan.time[1]:
        said = random.choice((f"{plan.time[1]}，{said}", f"{said}，{plan.time[1]}"))
    return _with_form(random, plan, said)


def _with_form(random: Random, plan: Plan, said: str) -> str:
    said += "，" + random.choice(("有", "要有", "")) + plan.detail[1] if plan.detail[1] else ""
    said += f"，{plan.negative[1]}" if plan.negative[1] else ""
    said = f"{said}的{plan.product[1]}" if plan.product[1] else said
    if plan.style[1]:
        style = f"{plan.style[1]}风格"
        return random.choice((f"{style}的{said}", f"{said}，{style}", f"{said}，{plan.style[1]}风"))
    return said
