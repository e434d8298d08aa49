"""Conversations in other formats: nothing that was said becomes structure, and what holds all of it comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import html
from markdown_it import MarkdownIt

from moss_agent import Conversation, Hit, Picture
from moss_agent.errors import UsageError
from moss_agent.events import Call, Citation
from moss_agent.history import History
from moss_agent.history.export import FORMATS
from moss_agent.history.importing import read_conversations
from moss_agent.records import Round, Turn
from moss_agent.store import About, Stored
from tests.protocol.hostile import texts
from tests.test_conversation import ANY, TURN

EVIL = "</title></pre><script>alert(1)</script><img src=x onerror=alert(1)> \x1b[2J\u202e \" ' `` ``` [a](javascript:x)"
STORED = st.builds(Stored, st.builds(About, ANY, ANY, ANY), st.lists(TURN, min_size=1, max_size=3))
FENCES = st.lists(
    st.sampled_from(
        ["```", "````", "~~~", "  ```", "\n  ```", "- ```", "> ~~~", "```a`b", "<b>", "</b>", "<!--", "\n", "x", " "]
    )
).map("".join)


def evil_conversation(picture: str = EVIL) -> Stored:
    hits = (Hit(EVIL, EVIL, "javascript:alert(1)"),)
    call = Call("Search", EVIL, EVIL, True, 0.1, EVIL, hits, (Picture(picture, EVIL),), EVIL, (EVIL,), {EVIL: EVIL})
    cited = (Citation(1, EVIL, EVIL, 'https://example.org/"><script>'), Citation(2, "b", "B", "https://example.org/b"))
    answer = f"{EVIL}<sup><|1|></sup> and<sup><|2|></sup>"
    turn = Turn(EVIL, (Round("thought " + EVIL, calls=(call,)),), answer, citations=cited, status="stopped")
    return Stored(About(EVIL, EVIL), [turn, Turn("Second", answer="Fine.")])


def parse(page: str) -> html.HtmlElement:
    return html.document_fromstring(page.encode(), parser=html.HTMLParser(encoding="utf-8"))


def test_a_page_holds_all_text_and_no_structure_of_it() -> None:
    text = FORMATS["html"](evil_conversation())
    root = parse(text)
    assert {element.tag for element in root.iter() if isinstance(element.tag, str)} <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "section", "div", "details", "summary", "pre"),
        *("sup", "a", "ol", "li"),
    }
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    assert [a.get("href") for a in root.iter("a")] == ["#t1-1", "#t1-2", "https://example.org/b"]
    assert root.text_content().count("<script>alert(1)</script>") >= 6
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_small_pictures_are_inside_the_page_and_others_are_linked(tmp_path: Path) -> None:
    small, large, secret = tmp_path / "a b.png", tmp_path / "large.png", tmp_path / "secret.png"
    small.write_bytes(b"\x89PNG\r\n\x1a\n" + b"1")
    large.write_bytes(b"\x89PNG\r\n\x1a\n" + b"1" * 2_000_000)
    secret.write_text("no picture")
    for path, is_inside in ((small, True), (large, False), (secret, False), (tmp_path / "gone", False)):
        root = parse(FORMATS["html"](evil_conversation(str(path))))
        assert [image.get("src")[:22] for image in root.iter("img")] == ["data:image/png;base64,"] * is_inside
        assert (path.as_uri() in [a.get("href") for a in root.iter("a")]) != is_inside


@given(STORED)
def test_any_conversation_is_a_page_and_markdown(stored: Stored) -> None:
    root = parse(FORMATS["html"](stored))
    assert len(root.findall(".//section")) == len(stored.turns)
    assert not list(root.iter("script"))
    assert FORMATS["markdown"](stored).startswith("# ")


def html_in(markdown: str) -> list[str]:
    tokens = MarkdownIt("commonmark", {"html": True}).parse(markdown)
    inline = [child for token in tokens for child in token.children or ()]
    return [token.content for token in [*tokens, *inline] if token.type.startswith("html")]


def test_markdown_of_hostile_texts_has_no_html() -> None:
    text = FORMATS["markdown"](evil_conversation())
    assert html_in(text) == []
    assert "[^1-1]" in text and "[^1-2]: B <https://example.org/b>" in text and "javascript" in text
    tokens = MarkdownIt("commonmark").parse(text)
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h2"]


@given(st.lists(st.tuples(FENCES | texts, FENCES), min_size=1, max_size=3))
@example([("```\ncut off", ""), ("x", "<script>")])
@example([("- ```\n```", ""), ("x", "<script>")])
@example([("- a\n  ```\nb\n  ```", ""), ("x", "<script>")])
def test_no_answer_and_no_result_brings_html_into_markdown(said: list[tuple[str, str]]) -> None:
    try:
        turns = [Turn(text, (Round(calls=(Call("F", text, result, True, 0.1),)),), text) for text, result in said]
    except ValueError:  # a marker
        return
    assert html_in(FORMATS["markdown"](Stored(About(said[0][0]), turns))) == []


def test_code_in_a_question_is_shown_as_it_is() -> None:
    question = "Why?\n\n    def __init__(self, *a):\n\treturn 1\n\n  - b\n  1. c\n  # d"
    text = FORMATS["markdown"](Stored(About("t"), [Turn(question)]))
    shown = parse(MarkdownIt().render(text)).find(".//blockquote").text_content()
    assert shown.replace("\xa0", " ").split() == question.split()
    assert "\n\xa0\xa0\xa0\xa0def __init__(self, *a):\n\xa0\xa0\xa0\xa0return 1\n" in shown


def test_code_in_fences_stays_as_it_is() -> None:
    turn = Turn("q", answer="See\n```cpp\nvector<int> a;\n```\nand <b>bold</b>")
    text = FORMATS["markdown"](Stored(About("t"), [turn]))
    assert "vector<int> a;" in text and "&lt;b>bold&lt;/b>" in text


def test_code_in_a_list_stays_code_and_a_fence_that_ends_nowhere_becomes_text() -> None:
    turn = Turn("q", answer="1. See\n   ```cpp\n   vector a;\n\n   a.b();\n   ```\n2. And\n   ```cpp\n   cut off")
    tokens = MarkdownIt("commonmark").parse(FORMATS["markdown"](Stored(About("t"), [turn, Turn("Second")])))
    assert [token.content for token in tokens if token.type == "fence"] == ["vector a;\n\na.b();\n"]
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h2"]


def read_back(text: str) -> Stored:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        file.write_text(text, encoding="utf-8")
        (stored,) = read_conversations(file)
        return stored


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with History(tmp_path_factory.mktemp("history") / "history.sqlite") as opened:
        yield opened


@given(STORED)
def test_our_own_json_comes_back(history: History, stored: Stored) -> None:
    read = read_back(FORMATS["json"](stored))
    assert read.turns == stored.turns and read.about.preamble == stored.about.preamble
    again = history.load(history.add(read.about, read.turns).id)
    assert [{**vars(turn), "id": ""} for turn in again.turns] == [{**vars(turn), "id": ""} for turn in stored.turns]
    assert not {turn.id for turn in again.turns} & {turn.id for turn in stored.turns}


@given(STORED)
def test_moss_records_come_back(stored: Stored) -> None:
    read = read_back(FORMATS["moss"](stored))
    assert FORMATS["moss"](Stored(stored.about, read.turns)) == FORMATS["moss"](stored)


@given(STORED)
def test_openai_messages_answer_every_call(stored: Stored) -> None:
    messages = json.loads(FORMATS["openai"](stored))["messages"]
    asked = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    assert asked == [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert len(set(asked)) == len(asked)
    assert [message["role"] for message in messages].count("user") == len(stored.turns)


def test_openai_messages_cite_as_chat_models_do() -> None:
    turn = Turn("q", answer="A<sup><|1|></sup>.", citations=(Citation(1, "a"),))
    messages = json.loads(FORMATS["openai"](Stored(About(preamble="Be brief."), [turn])))["messages"]
    assert messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "A[1]."},
    ]


def test_openai_messages_have_the_order_in_which_they_were_said() -> None:
    call = Call("Search", "q", "<|1|>: It is 17.", True, 0.1, arguments=("q",))
    done = Round(calls=(call,), text="Let me look.")
    turn = Turn("q", (done,), "It is 17<sup><|1|></sup>.", citations=(Citation(1, "It is 17."),))
    messages = json.loads(FORMATS["openai"](Stored(About(), [turn])))["messages"]
    assert [message["content"] for message in messages] == ["q", "Let me look.", "[1] It is 17.", "It is 17[1]."]


@pytest.mark.parametrize("kind", ["markdown", "html"])
def test_pages_have_all_arguments_of_a_call(kind: str) -> None:
    calls = (
        Call("Weather", "Paris", "sunny", True, 0.1, arguments=("Paris",), named={"days": 3}),
        Call("Weather", "Lyon", "sunny", True, 0.1, named={"city": "Lyon"}),
        Call("Weather", "Nice", "sunny", True, 0.1),
    )
    text = FORMATS[kind](Stored(About(), [Turn("q", (Round(calls=calls),), "Sunny.")]))
    shown = parse(MarkdownIt().render(text) if kind == "markdown" else text).text_content()
    for written in ('Weather("Paris", days=3)', 'Weather(city="Lyon")', 'Weather("Nice")'):
        assert written in shown


def test_openai_arguments_have_the_names_that_the_preamble_tells() -> None:
    call = Call("Weather", "Paris", "sunny", True, 0.1, arguments=("Paris", "today", 3))
    old = Call("Weather", "Nice", "sunny", True, 0.1)  # a record from before there were several arguments
    turn = Turn("q", (Round(calls=(call, old)),), "Sunny.")
    preamble = "- Weather: enabled. API: Weather(city, day)\n"
    messages = json.loads(FORMATS["openai"](Stored(About(preamble=preamble), [turn])))["messages"]
    arguments = [json.loads(made["function"]["arguments"]) for made in messages[2]["tool_calls"]]
    assert arguments == [{"city": "Paris", "day": "today", "argument_2": 3}, {"city": "Nice"}]


def test_a_file_may_hold_many_records(tmp_path: Path) -> None:
    records = [Conversation("p", [Turn(f"q{n}", answer="a")]).to_training(str(n)) for n in range(3)]
    for content in (json.dumps(records), "\n".join(map(json.dumps, records))):
        (tmp_path / "file").write_text(content)
        found = list(read_conversations(tmp_path / "file"))
        assert [stored.turns[0].question for stored in found] == ["q0", "q1", "q2"]


def test_lines_of_json_end_where_json_says(tmp_path: Path) -> None:
    said = ["a\u2028b", "c\u2029d\x85e", "f"]
    records = [Conversation("p", [Turn(text, answer="a")]).to_json() for text in said]
    content = "".join(json.dumps(record, ensure_ascii=False) + "\r\n" for record in records)
    (tmp_path / "file").write_bytes(content.encode())
    assert [stored.turns[0].question for stored in read_conversations(tmp_path / "file")] == said


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "3", "[3]", "{}", '{"chat": 3}', '{"format": "x"}', "[" * 100_000),
        '{"chat": {}, "meta_instruction": ""}',
        '{"format": "moss_agent.conversation/2", "turns": []}',
        '{"format": "moss_agent.conversation/2", "turns": [{"question": "\\ud800"}]}',
        '{"format": "moss_agent.conversation/2", "turns": [{"question": "a", "answer": "<eom>"}]}',
    ],
)
def test_what_is_no_conversation_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content)
    with pytest.raises(UsageError, match="file") as caught:
        list(read_conversations(tmp_path / "file"))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500 + len(str(tmp_path))
