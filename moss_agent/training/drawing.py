"""Requests for pictures; the description is always English, whatever the request's language."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from . import drawing_words as words
from .shapes import ExampleTurn, Tools, spoken
from .wording import decorate

DONE = "Image generated successfully."
ASKS = {
    "en": (
        "Draw {s}.", "Please draw {s}.", "Can you paint {s}?", "I'd like a picture of {s}.", "Create an artwork showing {s}.",
        "Show me {s}", "Generate an image of {s}.", "Paint {s} for me, please.", "I want to see {s}.", "Make a picture with {s} in it.",
        "Could you sketch {s}?", "{s}, as a picture please", "Illustrate {s}.", "An image of {s} would be great.", "picture of {s}",
        "Can you show me what {s} looks like?", "My daughter loves this: {s}. Can you draw it for her?", "I need {s} for my wall. Can you make it?",
        "Imagine {s}. Can you bring it to life?", "Design {s}.", "Please visualize {s}", "I had a dream about {s}. Draw it!",
        "Let me see {s}, please.", "Help me create {s} as an image.", "I wish I had a painting of {s}.", "For my blog I need {s}.",
        "Draw me something: {s}", "Give me a nice drawing of {s}", "Produce {s}", "I'm decorating a room and would love {s}.",
    ),
    "zh": (
        "画{s}", "请画{s}。", "帮我画{s}", "请帮我生成一张{s}的图片。", "我想看{s}", "给我来一张{s}的图", "生成{s}的图像", "能画{s}吗？",
        "我想要一幅画：{s}", "请你绘制{s}", "来一张{s}的照片", "创作一幅{s}的作品", "画面是{s}，请画出来", "给我看看{s}是什么样子", "女儿喜欢{s}，能给她画一张吗？",
        "我要{s}的插图", "设计一张{s}的图", "做一张图，内容是{s}", "脑海里有{s}，请帮我画出来", "请展示{s}", "昨晚梦到{s}，画给我看吧", "想要一张{s}挂在墙上",
        "你会画{s}吗？画一个", "{s}，画一张", "我在写故事，需要{s}的配图", "用图片表现{s}", "我想欣赏{s}",
    ),
}  # fmt: skip
THOUGHTS = {
    "en": (
        "The user wants a picture of {s}. I can use the text-to-image tool.", "This is a request for an image, so I call Text2Image.",
        "The user asks for a drawing. I describe it for the Text2Image plugin.", "An image is wanted: {s}. Text-to-image can make it.",
        "I should draw something here, with the text-to-image plugin.", "To show {s} I need an image generator, Text2Image.",
    ),
    "zh": ("用户想要一张图，使用文生图。", "这是画图请求，调用文生图工具。", "需要生成{s}的图片，用英文描述。", "用户要画{s}，用Text2Image。", "画图任务，写成英文描述再生成。"),
}  # fmt: skip
ANSWERS = {
    "en": (
        "Here is your picture of {s}.", "Done! I have drawn {s}.", "I've created the image of {s}. I hope you like it!", "Your picture is ready.",
        "Here you are: {s}. Shall I change anything?", "The image has been generated. Enjoy!", "I drew {s} for you.",
    ),
    "zh": ("图片已画好，希望您喜欢！", "这是为您画的{s}。", "已生成{s}的图片。", "画好了，请看。", "好的，图已生成，需要修改吗？", "您要的图已完成。"),
}  # fmt: skip
FAILED = {
    "en": ("Sorry, the picture of {s} could not be made.", "I'm sorry, drawing failed this time. Please try again later.", "Unfortunately no image came out. Shall I try a simpler picture?"),
    "zh": ("抱歉，图片没有生成成功。", "对不起，{s}没能画出来，请稍后再试。", "很抱歉，这次画图失败了。"),
}  # fmt: skip
DISABLED = {
    "en": (("The user wants a picture, but text-to-image is disabled and no other tool draws.", "I'm sorry, I can't draw now because text-to-image is disabled. Picture this: {s}, with {d}."),
           ("A picture is wanted; the drawing plugin is off, so I can only use words.", "I can't make images at the moment, but I can describe it: {s}, {d}.")),
    "zh": (("用户想要图，但文生图未启用。", "抱歉，文生图功能未开启，现在不能画{s}。"), ("画图工具不可用，只能用文字回答。", "我现在无法画图，只能请您想象{s}。")),
}  # fmt: skip


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
    """A subject, perhaps with a quality, an action, a place, a style and a form."""
    subject = random.choice(words.SUBJECTS)
    adjective = random.choice(words.ADJECTIVES) if random.random() < 0.5 else ("", "")
    action = random.choice(words.ACTIONS) if _is_alive(subject) and random.random() < 0.45 else ("", "")
    place = random.choice(words.PLACES) if random.random() < 0.6 else ("", "")
    style = random.choice(words.STYLES) if random.random() < 0.35 else ("", "")
    product = random.choice(words.PRODUCTS) if random.random() < 0.18 else ("", "")
    english = " ".join(part for part in (adjective[0], subject[0], action[0], place[0]) if part)
    plain = _with_article(english)
    if language == "en":
        said = _english(plain, style[0], product[0])
    else:
        said = _chinese(adjective[1], subject[1], action[1], place[1], style[1], product[1])
    description = f"{_with_article(product[0])} with {plain}" if product[0] else plain
    extra = [f"{style[0]} style"] if style[0] else []
    if random.random() < 0.55:
        extra += random.sample(words.DETAILS, random.choice((1, 1, 2)))
    return Scene(said, ", ".join([description, *extra]))


def _is_alive(subject: tuple[str, str]) -> bool:
    return words.SUBJECTS.index(subject) < 88


def _english(plain: str, style: str, product: str) -> str:
    said = f"{_with_article(product)} with {plain}" if product else plain
    return f"{said} in {style} style" if style else said


def _chinese(adjective: str, subject: str, action: str, place: str, style: str, product: str) -> str:
    thing = adjective + subject
    said = f"{thing}{place}{action.removeprefix('在') if place else action}" if action else f"{place}的{thing}" if place else thing
    if action and place:
        said = f"{place}{action.removeprefix('在')}的{thing}"
    if product:
        said = f"{said}的{product}" if not style else f"{style}风格的{said}{product}"
    elif style:
        said = f"{style}风格的{said}"
    return said


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One request for a picture."""
    scene = draw_scene(random, language)
    text = random.choice(ASKS[language]).format(s=scene.said)
    text = decorate(random, text[0].upper() + text[1:], language, ("Hi!", "Hello,", "Hey MOSS,") if language == "en" else ("你好，", "麻烦", "MOSS，"), ())
    return _draw(random, language, tools, scene, text)


def _draw(random: Random, language: str, tools: Tools, scene: Scene, text: str) -> ExampleTurn:
    if not tools.drawing:
        thoughts, answer = random.choice(DISABLED[language])
        return spoken(text, thoughts, answer.format(s=scene.said, d=random.choice(words.DETAILS)))
    thoughts = random.choice(THOUGHTS[language]).format(s=scene.said)
    failed = random.random() < 0.05
    answer = random.choice((FAILED if failed else ANSWERS)[language]).format(s=scene.said)
    return ExampleTurn(text, thoughts, (("Text2Image", scene.description),), (None if failed else DONE,), answer)


def several(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """Two pictures at once."""
    first, second = draw_scene(random, language), draw_scene(random, language)
    if not tools.drawing:
        return turn(random, language, tools)
    text, thoughts, answer = random.choice({
        "en": (("Draw {a} and also {b}.", "The user wants two pictures, so I call Text2Image twice.", "Both pictures are ready."),
               ("I need two images: {a}; {b}.", "Two images are wanted; each needs its own call.", "Here are both images. Enjoy!")),
        "zh": (("画两张图：{a}，还有{b}", "要画两张图，分别调用文生图。", "两张图都画好了。"),
               ("请分别画{a}和{b}。", "用户要两张图片，调用两次。", "两张图片已生成。")),
    }[language])  # fmt: skip
    commands = (("Text2Image", first.description), ("Text2Image", second.description))
    return ExampleTurn(text.format(a=first.said, b=second.said), thoughts, commands, (DONE, DONE), answer)


def follow_up(random: Random, language: str, tools: Tools, previous: ExampleTurn) -> ExampleTurn | None:
    """A change to the picture just drawn; None if there was none."""
    if len(previous.commands) != 1 or previous.commands[0][0] != "Text2Image" or not tools.drawing:
        return None
    before = previous.commands[0][1]
    place, style = random.choice(words.PLACES), random.choice(words.STYLES)
    kind = random.randrange(3)
    description = (f"{before}, {place[0]}", f"{before}, {style[0]} style", f"{before}, with {random.choice(words.DETAILS)}")[kind]
    text = random.choice({
        "en": (("Now {p}.", "And the same {p}?"), ("Make it {s} style.", "The same in {s} style please."), ("Nice, can you do it once more, a bit different?", "Another version please.")),
        "zh": (("换成{p}的", "再画一张{p}的"), ("换成{s}风格", "用{s}风格再画一次"), ("再来一张，稍微不同", "换一个版本")),
    }[language][kind])  # fmt: skip
    text = text.format(p=place[language == "zh"], s=style[language == "zh"])
    thoughts = {"en": "The user wants the previous picture changed, so I draw it again with Text2Image.", "zh": "用户想修改上一张图，重新生成。"}[language]
    answer = random.choice({"en": ("Here is the new version.", "I've changed the picture."), "zh": ("新的图画好了。", "已按要求修改。")}[language])
    return ExampleTurn(text, thoughts, (("Text2Image", description),), (DONE,), answer)
