"""Requests for pictures; the description is always English, whatever the request's language."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from moss_agent.protocol import DRAWN

from .data import read_rows, read_tables
from .example import ExampleTurn, Tools, spoken
from .wording import decorate

Word = tuple[str, str]  # English, Chinese
PHRASES = read_tables("drawing_wording")
_ROWS = read_rows("drawing_words")


def _words(*kinds: str) -> list[Word]:
    return [(row["en"], row["zh"]) for row in _ROWS if row["kind"] in kinds]


BEINGS = _words("being")
SUBJECTS = _words("being", "thing")
ADJECTIVES, ACTIONS, PLACES = _words("adjective"), _words("action"), _words("place")
STYLES, PRODUCTS, DETAILS = _words("style"), _words("product"), _words("detail")


@dataclass(frozen=True)
class Scene:
    """What to draw: as the user says it, and as the English description says it."""

    said: str
    description: str


def _with_article(text: str) -> str:
    first = text.split(" ", 1)[0]
    if first.endswith("s") and not first.endswith("ss") and " " not in text:
        return text
    return f"an {text}" if text[0] in "aeioAEIO" and not text.startswith("uni") else f"a {text}"


def draw_scene(random: Random, language: str) -> Scene:
    """A subject, perhaps with a quality, an action, a place, a companion, a detail, a style and a form."""
    subject = random.choice(SUBJECTS)
    adjective = _maybe(random, ADJECTIVES, 0.5)
    action = _maybe(random, ACTIONS, 0.45 if subject in BEINGS else 0)
    place = _maybe(random, PLACES, 0.6)
    friend = _maybe(random, SUBJECTS, 0.12)
    detail = _maybe(random, DETAILS, 0.12)
    style = _maybe(random, STYLES, 0.35)
    product = _maybe(random, PRODUCTS, 0.15)
    who = _with_article(" ".join(part for part in (adjective[0], subject[0]) if part))
    who += f" and {_with_article(friend[0])}" if friend[0] else ""
    plain = " ".join(part for part in (who, action[0], place[0]) if part)
    plain = f"{_with_article(product[0])} with {plain}" if product[0] else plain
    if language == "en":
        said = plain + (f" with {detail[0]}" if detail[0] else "") + (f" in {style[0]} style" if style[0] else "")
    else:
        thing = adjective[1] + subject[1] + (f"和{friend[1]}" if friend[1] else "")
        said = _chinese(random, thing, action[1], place[1], detail[1], style[1], product[1])
    extra = ([f"with {detail[0]}"] if detail[0] else []) + ([f"{style[0]} style"] if style[0] else [])
    if random.random() < 0.4 and not detail[0]:
        extra.append(random.choice(DETAILS)[0])
    return Scene(said, ", ".join([plain, *extra]))


def _maybe(random: Random, pairs: list[Word], chance: float) -> Word:
    return random.choice(pairs) if random.random() < chance else ("", "")


def _chinese(random: Random, thing: str, action: str, place: str, detail: str, style: str, product: str) -> str:
    """The scene in Chinese, with its parts in one of the usual orders."""
    doing = place + (action.removeprefix("在") if place else action)
    if doing and random.random() < 0.4:
        said = thing + doing
    elif doing:
        said = f"{doing.removeprefix('在') if random.random() < 0.4 and not action else doing}的{thing}"
    else:
        said = thing
    said += f"，{random.choice(('有', '配上', '要有'))}{detail}" if detail and not product else ""
    if style:
        said = random.choice((f"{style.removesuffix('风')}风格的{said}", f"{said}，{style.removesuffix('风')}风格"))
    return f"以{said}为主题的{product}" if product else said


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One request for a picture."""
    scene = draw_scene(random, language)
    text = random.choice(PHRASES[language]["asks"]).format(s=scene.said)
    text = decorate(random, text[0].upper() + text[1:], language, PHRASES[language]["greetings"], ())
    return _draw(random, language, tools, scene, text)


def _draw(random: Random, language: str, tools: Tools, scene: Scene, text: str) -> ExampleTurn:
    if not tools.drawing:
        said = random.choice(PHRASES[language]["disabled"])
        return spoken(text, said["thoughts"], said["answer"].format(s=scene.said, d=random.choice(DETAILS)[0]))
    thoughts = random.choice(PHRASES[language]["thoughts"]).format(s=scene.said)
    failed = random.random() < 0.05
    answer = random.choice(PHRASES[language]["failed" if failed else "answers"]).format(s=scene.said)
    return ExampleTurn(text, thoughts, (("Text2Image", scene.description),), (None if failed else DRAWN,), answer)


def several(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """Two pictures at once."""
    first, second = draw_scene(random, language), draw_scene(random, language)
    if not tools.drawing:
        return turn(random, language, tools)
    said = random.choice(PHRASES[language]["two"])
    text = said["ask"].format(a=first.said, b=second.said)
    commands = (("Text2Image", first.description), ("Text2Image", second.description))
    return ExampleTurn(text, said["thoughts"], commands, (DRAWN, DRAWN), said["answer"])


def follow_up(random: Random, language: str, tools: Tools, previous: ExampleTurn) -> ExampleTurn | None:
    """A change to the picture just drawn; None if there was none."""
    if len(previous.commands) != 1 or previous.commands[0][0] != "Text2Image" or not tools.drawing:
        return None
    before = previous.commands[0][1]
    place, style = random.choice(PLACES), random.choice(STYLES)
    change = random.choice(("other_place", "other_style", "other_detail"))
    description = {
        "other_place": f"{before}, {place[0]}",
        "other_style": f"{before}, {style[0]} style",
        "other_detail": f"{before}, with {random.choice(DETAILS)[0]}",
    }[change]
    phrases = PHRASES[language]
    text = random.choice(phrases[change]).format(p=place[language == "zh"], s=style[language == "zh"])
    answer = random.choice(phrases["change_answers"])
    return ExampleTurn(text, phrases["change_thoughts"], (("Text2Image", description),), (DRAWN,), answer)
