"""How searches are introduced, how web pages look, and what to say when they tell nothing."""

# ruff: noqa: E501  (a table: one row, one line)
# fmt: off

from __future__ import annotations

Phrases = dict[str, tuple[str, ...]]

BEFORE: Phrases = {
    "en": ("Hi,", "Quick question:", "I was wondering,", "Do you know this?", "Tell me,", "Hey!", "Please look this up:",
           "I'm writing a report.", "For my homework:", "Just out of curiosity:", "My friend and I are arguing.",
           "Hello MOSS,", "I read something about this.", "I'm planning something.", "Can you find out?"),
    "zh": ("请问，", "你好，", "我想知道，", "帮我查一下，", "你知道吗，", "想了解一下，", "查查看，", "问个问题，",
           "最近在写报告，", "能告诉我吗，", "好奇问一下，", "朋友问我，", "MOSS，", "麻烦告诉我，", "作业需要，"),
}
FRAMES: Phrases = {
    "en": ("I'd like to know about {q}.", "Search for {q}", "Tell me something about {q}.", "{q}?", "Find information on {q}, please.",
           "What do you know about {q}?", "I need facts on {q}.", "Could you look up {q}?", "Any information about {q}?",
           "Please give me an overview: {q}", "I'm interested in {q}. What can you find?", "Research {q} for me."),
    "zh": ("我想了解{q}", "查一下{q}", "搜索{q}", "关于{q}，你知道些什么？", "{q}？", "请介绍一下{q}。", "帮我找找{q}的资料", "想知道{q}",
           "说说{q}吧", "{q}是怎样的？", "能给我讲讲{q}吗？", "有没有{q}的信息？", "{q}，你了解吗", "请告诉我{q}", "谈谈{q}"),
}
CONTEXT: Phrases = {
    "en": ("I've been reading about {e} lately.", "Yesterday we talked about {e} at dinner.", "My teacher mentioned {e} today.",
           "I saw a report about {e} on TV.", "There is a debate about {e} in our class.", "My sister is a big fan of {e}.",
           "I have to give a talk on {e}.", "I can't decide and {e} came up.", "A colleague keeps talking about {e}."),
    "zh": ("最近一直在关注{e}。", "昨天吃饭时聊到{e}，", "老师今天提到{e}。", "电视上看到关于{e}的报道，", "我要做一个关于{e}的演讲，",
           "同事总是说起{e}，", "我对{e}很感兴趣。", "朋友圈都在谈{e}，", "孩子突然问起{e}，"),
}
THOUGHTS: Phrases = {
    "en": ("This is a question about facts, so I should search the web for {q}.",
           "The user wants to know something about {e}. I can use web search.",
           "I need reliable information on {e}; I will search for it.",
           "This asks about the real world and may have changed, so I look it up with Search.",
           "To answer this I should find current information: {q}.",
           "It is a knowledge question. Web search is the right tool.",
           "The user asks about {e}, which I can look up with the search engine."),
    "zh": ("这是关于{e}的知识问题，用搜索查询。", "需要查找{q}的资料，使用搜索引擎。", "用户想了解{e}，可以搜索。",
           "这个问题要查事实，用网络搜索。", "要回答得先搜索{q}。", "这是信息类问题，调用搜索。", "搜索{e}的相关信息再回答。"),
}
TWO_THOUGHTS: Phrases = {
    "en": ("There are two things to look up, so I search for both.", "Two separate facts are needed; I use two searches.",
           "The question has two parts about facts. I search for each of them."),
    "zh": ("要查两件事，分别搜索。", "问题有两部分，用两次搜索。", "需要两方面的信息，各搜索一次。"),
}
PRONOUNS: Phrases = {"en": ("it",), "zh": ("它", "它", "这个")}
AND_THEN: Phrases = {"en": ("And ", "OK. ", "Thanks. ", "Then "), "zh": ("那么", "谢谢，", "还有，", "好的，")}
DISABLED_THOUGHTS: Phrases = {
    "en": ("This would need a web search for {q}, but search is disabled, so I answer without it.",
           "Web search is disabled, so I can't look this up and no other tool fits."),
    "zh": ("需要搜索{q}，但搜索未启用，只能直接回答。", "网络搜索不可用，其他工具也不合适。"),
}
DISABLED_ANSWERS: Phrases = {
    "en": ("I can't search the web right now, so I can't give you reliable information on {q}. Please check a trusted source.",
           "Web search is switched off, and I don't want to guess about {e}. If you enable it, I can look it up.",
           "I'm not certain about {e} without a search; an encyclopedia or official site will tell you."),
    "zh": ("目前不能联网搜索，关于{e}我无法给出可靠信息，建议查阅权威资料。", "搜索功能未开启，我不想乱猜{q}，开启后可以帮您查。",
           "没有搜索我不能确定{e}的情况，请以官方信息为准。"),
}
NO_RESULT: Phrases = {
    "en": ("Sorry, my search for {q} returned nothing, so I can't say for sure. Could you rephrase the question?",
           "I'm sorry, I found no result about {e}. An official website may help.",
           "Unfortunately the search gave no result for {q}. I'd rather not guess."),
    "zh": ("抱歉，没有搜到{q}的结果，无法确定答案。", "很抱歉，没有找到{e}的相关信息，请换个说法试试。", "对不起，搜索没有结果，我不想乱猜。"),
}
NOT_FOUND: Phrases = {
    "en": ("The search results do not tell {q}. I'm sorry that I can't answer this precisely.",
           "Sorry, I looked for {q}, but none of the pages found answers the question.",
           "The pages I found about {e} don't contain the answer, so I can't say."),
    "zh": ("搜索结果中没有提到{q}，抱歉无法回答。", "很抱歉，找到的网页没有说明{q}。", "关于{e}的网页没有给出答案，我不能确定。"),
}
NOISE: Phrases = {
    "en": ("Everything about {e}: news, pictures, videos and forum posts. Sign up for our free newsletter today.",
           "Top 10 gifts for fans of {e}. Free shipping on orders over 30 dollars, offer ends on Sunday.",
           "{e} quiz - how much do you really know? Play now and compare your score with friends.",
           "Discussion: what do you think about {e}? 48 answers, last reply two hours ago.",
           "This page about {e} is a stub. You can help by adding information and sources.",
           "Buy posters, mugs and books related to {e} at the lowest prices online.",
           "Our podcast talks about {e} this week. Listen on all platforms and leave a rating.",
           "Cookies help us deliver our services. {e} - tag archive, page 3 of 17.",
           "Download free {e} worksheets and slides for teachers, grades 5 to 9.",
           "A personal blog: the day I first heard of {e} and why it changed my view of things."),
    "zh": ("{e}专题：最新图片、视频和网友评论，点击查看更多精彩内容。", "{e}相关商品热卖中，满减优惠，今日下单包邮。",
           "你怎么看{e}？共有128条回答，欢迎登录参与讨论。", "{e}知识小测验，看看你能得多少分，快来挑战吧。",
           "本词条{e}缺少概述图，补充内容可让词条更完整。", "免费下载{e}课件和教案，注册会员即可获取。",
           "博客随笔：第一次听说{e}的那个夏天，我和同学们聊了很久。", "{e}吧，关注用户12万，帖子36万，今日签到有礼。",
           "本期播客聊聊{e}，欢迎收听并留言互动。", "关于我们 | 联系方式 | 网站地图 | 标签：{e}"),
}
BEFORE_HIT: Phrases = {
    "en": ("{e} - Overview. ", "{y}-{m:02}-{d:02} ... ", "{n} views. ", "Facts & figures: ", "News, {y}: ", "{e} | Encyclopedia: ",
           "... ", "Q: about {e}. A: ", "Updated {y}. ", "By our editors. "),
    "zh": ("{e}_百科：", "{y}年{m}月{d}日 - ", "{y}-{m:02}-{d:02} ... ", "【资讯】", "网友回答：", "简介：", "... ", "据报道，", "{e} - 知识网 "),
}
AFTER_HIT: Phrases = {
    "en": (" Read more ...", " It was last updated in {y}.", " See also the gallery below.", " ({n} comments)", " ...",
           " Our editors checked this page in {y}.", " Many visitors ask about this.", " Share this article."),
    "zh": ("……", " 更多内容请点击", "（{n}人阅读）", "，详情见原文...", " 展开全部", " 来源：互联网", " {y}年更新"),
}
