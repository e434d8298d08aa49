"""How pictures are asked for, and what is said about them; ``{s}`` is the scene, ``{d}`` a detail."""

# ruff: noqa: E501  (a table: one row, one line)
# fmt: off

from __future__ import annotations

ASKS = {
    "en": (
        "Draw {s}.", "Please draw {s}.", "Can you paint {s}?", "I'd like a picture of {s}.", "Create an artwork showing {s}.",
        "Show me {s}", "Generate an image of {s}.", "Paint {s} for me, please.", "I want to see {s}.", "Make a picture with {s} in it.",
        "Could you sketch {s}?", "{s}, as a picture please", "Illustrate {s}.", "An image of {s} would be great.", "picture of {s}",
        "Can you show me what {s} looks like?", "My daughter loves this: {s}. Can you draw it for her?", "I need {s} for my wall. Can you make it?",
        "Imagine {s}. Can you bring it to life?", "Design {s}.", "Please visualize {s}", "I had a dream about {s}. Draw it!",
        "Let me see {s}, please.", "Help me create {s} as an image.", "I wish I had a painting of {s}.", "For my blog I need {s}.",
        "Draw me something: {s}", "Give me a nice drawing of {s}", "Produce {s}", "I'm decorating a room and would love {s}.",
        "{s}", "{s}.", "Could I get an image where you see {s}?", "What would {s} look like?", "My wish for today: {s}, drawn by you.",
    ),
    "zh": (
        "画{s}", "请画{s}。", "帮我画{s}", "请帮我生成一张{s}的图片。", "我想看{s}", "给我来一张{s}的图", "生成{s}的图像", "能画{s}吗？",
        "我想要一幅画：{s}", "请你绘制{s}", "来一张{s}的照片", "创作一幅{s}的作品", "画面是{s}，请画出来", "给我看看{s}是什么样子", "女儿喜欢{s}，能给她画一张吗？",
        "我要{s}的插图", "设计一张{s}的图", "做一张图，内容是{s}", "脑海里有{s}，请帮我画出来", "请展示{s}", "昨晚梦到{s}，画给我看吧", "想要一张{s}挂在墙上",
        "你会画{s}吗？画一个", "{s}，画一张", "我在写故事，需要{s}的配图", "用图片表现{s}", "我想欣赏{s}", "{s}", "{s}。", "想象一下{s}，画出来", "描绘{s}", "{s}会是什么样的？给我看看", "有没有{s}的画？",
    ),
}
THOUGHTS = {
    "en": (
        "The user wants a picture of {s}. I can use the text-to-image tool.", "This is a request for an image, so I call Text2Image.",
        "The user asks for a drawing. I describe it for the Text2Image plugin.", "An image is wanted: {s}. Text-to-image can make it.",
        "I should draw something here, with the text-to-image plugin.", "To show {s} I need an image generator, Text2Image.",
    ),
    "zh": ("用户想要一张图，使用文生图。", "这是画图请求，调用文生图工具。", "需要生成{s}的图片，用英文描述。", "用户要画{s}，用Text2Image。", "画图任务，写成英文描述再生成。"),
}
ANSWERS = {
    "en": (
        "Here is your picture of {s}.", "Done! I have drawn {s}.", "I've created the image of {s}. I hope you like it!", "Your picture is ready.",
        "Here you are: {s}. Shall I change anything?", "The image has been generated. Enjoy!", "I drew {s} for you.",
    ),
    "zh": ("图片已画好，希望您喜欢！", "这是为您画的{s}。", "已生成{s}的图片。", "画好了，请看。", "好的，图已生成，需要修改吗？", "您要的图已完成。"),
}
FAILED = {
    "en": ("Sorry, the picture of {s} could not be made.", "I'm sorry, drawing failed this time. Please try again later.", "Unfortunately no image came out. Shall I try a simpler picture?"),
    "zh": ("抱歉，图片没有生成成功。", "对不起，{s}没能画出来，请稍后再试。", "很抱歉，这次画图失败了。"),
}
DISABLED = {
    "en": (("The user wants a picture, but text-to-image is disabled and no other tool draws.", "I'm sorry, I can't draw now because text-to-image is disabled. Picture this: {s}, with {d}."),
           ("A picture is wanted; the drawing plugin is off, so I can only use words.", "I can't make images at the moment, but I can describe it: {s}, {d}.")),
    "zh": (("用户想要图，但文生图未启用。", "抱歉，文生图功能未开启，现在不能画{s}。"), ("画图工具不可用，只能用文字回答。", "我现在无法画图，只能请您想象{s}。")),
}
GREETINGS = {"en": ("Hi!", "Hello,", "Hey MOSS,"), "zh": ("你好，", "麻烦", "MOSS，")}
# (question about scenes {a} and {b}, thoughts, answer)
TWO = {
    "en": (("Draw {a} and also {b}.", "The user wants two pictures, so I call Text2Image twice.", "Both pictures are ready."),
           ("I need two images: {a}; {b}.", "Two images are wanted; each needs its own call.", "Here are both images. Enjoy!"),
           ("Two pictures please: first {a}, then {b}", "There are two pictures to draw, so two calls.", "I drew both for you.")),
    "zh": (("画两张图：{a}，还有{b}", "要画两张图，分别调用文生图。", "两张图都画好了。"),
           ("请分别画{a}和{b}。", "用户要两张图片，调用两次。", "两张图片已生成。"),
           ("先画{a}，再画{b}", "两张图，各调用一次Text2Image。", "都画好了，请看。")),
}
# another place {p}, another style {s}, another detail
CHANGES = {
    "en": (("Now {p}.", "And the same {p}?", "Can I have it {p}?", "Draw it again, but {p}."),
           ("Make it {s} style.", "The same in {s} style please.", "How about {s} style?", "I'd prefer {s} style."),
           ("Nice, can you do it once more, a bit different?", "Another version please.", "Try again with more detail.")),
    "zh": (("换成{p}的", "再画一张{p}的", "改成{p}", "如果是{p}呢？"),
           ("换成{s}风格", "用{s}风格再画一次", "我更想要{s}风格", "改成{s}风格吧"),
           ("再来一张，稍微不同", "换一个版本", "再画得细致一些")),
}
CHANGE_THOUGHTS = {
    "en": "The user wants the previous picture changed, so I draw it again with Text2Image.",
    "zh": "用户想修改上一张图，重新生成。",
}
CHANGE_ANSWERS = {
    "en": ("Here is the new version.", "I've changed the picture.", "Done, what do you think?"),
    "zh": ("新的图画好了。", "已按要求修改。", "改好了，请看。"),
}
