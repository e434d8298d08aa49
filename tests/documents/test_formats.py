"""Text from files of every kind."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import pytest

from moss_agent.documents.formats import read
from moss_agent.documents.formats.document import Document, Unreadable
from moss_agent.documents.formats.text import decode
from tests.documents.making import CHINESE, ENGLISH, docx, html, pdf
from tests.effort import effort_below


def headings(document: Document) -> list[tuple[str, str]]:
    """Headings with the text under them, in one line each."""
    return [(s.heading, " ".join(s.text.split())) for s in document.sections if s.text.strip()]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk", "gb2312"]
)
@pytest.mark.parametrize("text", [CHINESE, CHINESE * 50, f"{ENGLISH} {CHINESE}"], ids=["short", "long", "mixed"])
def test_text_in_chinese_encodings(encoding: str, text: str) -> None:
    assert read(text.encode(encoding), ".txt").sections[0].text == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("big5", "海象在浮冰上休息，牠們潛入海底尋找蛤蜊和貽貝。"),
        ("cp1252", "Été à Málaga: le café crème coûte déjà 3€ et l’hôtel est fermé."),
        ("ascii", ENGLISH),
        ("cp932", "①海象は氷の上で休みます。㈱髙橋水産によると、彼らは海底に潜って貝を探します。"),
        ("cp949", "바다코끼리는 얼음 위에서 쉽니다. 똠방각하처럼 바다 밑으로 잠수하여 조개를 찾습니다."),
        ("cp950", "恒春的海邊沒有海象，牠們潛入海底尋找蛤蜊和貽貝，粧裏的鯨魚則在遠方。"),
        ("utf-16-le", ENGLISH),
        ("utf-16-be", ENGLISH),
    ],
)
def test_text_in_other_encodings(encoding: str, text: str) -> None:
    assert read(text.encode(encoding), ".txt").sections[0].text == text


@pytest.mark.parametrize(
    ("encoding", "rare"),
    [
        ("cp1252", "We met in a café in Zürich."),
        ("cp1252", "Pääbo didn’t."),
        ("cp1252", "L’été, l’école était fermée."),
        ("gb18030", "锂电池保存"),
        ("gb18030", "电池"),
        ("gb18030", f"{CHINESE} 水獭用石头砸开贝壳。"),
        ("big5", "海象在浮冰上休息，牠們潛入海底尋找蛤蜊和貽貝。"),
    ],
)
@pytest.mark.parametrize(("before", "after"), [(10, 10), (40, 0), (150, 140), (1600, 10), (10, 1600)])
def test_a_few_characters_in_a_long_english_text(encoding: str, rare: str, before: int, after: int) -> None:
    text = f"{ENGLISH} " * before + rare + f" {ENGLISH}" * after
    assert read(text.encode(encoding), ".txt").sections[0].text == text


@pytest.mark.parametrize("text", ["欢迎使用本软件。", "会议记录", "中国", "合同编号：2023"])
def test_a_few_characters_of_chinese_are_the_whole_text(text: str) -> None:
    assert decode(text.encode("gbk")) == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("cp949", "회의 기록"), ("cp949", "감사합니다!"), ("cp1252", "opções"), ("cp1252", "coração")],
)
def test_a_few_characters_of_another_language_are_not_taken_for_chinese(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("start", ["", "a"])
def test_a_long_chinese_text_wherever_its_characters_begin(start: str) -> None:
    text = start + f"{CHINESE}\n" * 3000
    assert read(text.encode("gb18030"), ".txt").sections[0].text == text


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ("iso-8859-1", "One café."),
        ("us-ascii", "One café."),
        ("windows-1251", "Слово."),
        ("gbk", "锂电池"),
        ("shift_jis", "日本語"),
    ],
)
def test_a_few_characters_in_the_encoding_that_is_declared(declared: str, text: str) -> None:
    text = f"{ENGLISH} " * 70 + text + f" {ENGLISH}" * 70
    data = text.encode("cp1252" if declared == "us-ascii" else declared)
    assert decode(data, declared) == text


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("ISO-8859-1", "cp1252", "“Walrus” – 5 €"),
        ("latin1", "cp1252", "It’s…"),
        ("gb2312", "gb18030", "朱镕基"),
        ("shift_jis", "cp932", "㈱髙橋"),
        ("euc-kr", "cp949", "똠방각하"),
        ("big5", "cp950", "恒春"),
    ],
)
def test_a_declared_encoding_is_read_as_browsers_do(declared: str, encoding: str, text: str) -> None:
    assert decode(text.encode(encoding), declared) == text
    head = f'<html><head><meta charset="{declared}"></head><body><p>'.encode()
    assert text in read(head + text.encode(encoding), ".html").sections[0].text


@pytest.mark.parametrize("declared", ["", "utf-8", "iso-8859-1", "ascii", "gbk"])
def test_a_page_in_utf_8_that_is_cut_within_a_character(declared: str) -> None:
    text = f"{ENGLISH} It’s a café. " * 50
    assert decode(text.encode() + "é".encode()[:1], declared) == text + "\ufffd"


def test_a_text_that_was_damaged_before_it_was_saved_keeps_what_is_left() -> None:
    text = "caf\ufffd in Z\ufffdrich"
    assert decode(text.encode()) == text


def test_one_damaged_byte_does_not_spoil_a_text() -> None:
    data = (CHINESE * 100).encode()
    assert CHINESE in read(data[:3000] + b"\xff" + data[3000:], ".txt").sections[0].text


def test_text_that_goes_on_as_something_else_is_refused() -> None:
    with pytest.raises(Unreadable, match="binary data after"):
        read((CHINESE * 2000).encode("gb18030") + b"\xff" * 90_000, ".txt")


@pytest.mark.parametrize("data", [bytes(range(256)) * 50, b"\0" * 5000, b"\x7fELF\x02\x01\x01" + bytes(3000)])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="not text"):
        read(data, ".txt")


def test_markdown_without_its_markup() -> None:
    text = """---
title: "Sea animals"
---
Before all headings.

# Walrus *Odobenus*

Rests on [drifting ice](http://example.org/secret).
Second line with `code`.

## 食物

- 蛤蜊
- **贻贝**

| tooth | length |
|---|---|
| tusk | 1 m |

```
indented(code)
```

<details><summary>More</summary>hidden part</details>
"""
    document = read(text.encode(), ".md")
    assert document.title == "Sea animals"
    assert headings(document) == [
        ("", "Before all headings."),
        ("Walrus Odobenus", "Rests on drifting ice. Second line with code."),
        ("食物", "蛤蜊 贻贝 tooth length tusk 1 m indented(code) More hidden part"),
    ]


@pytest.mark.parametrize("tag", ["<br>", "<BR>", "<br/>", "<br />", '<br class="x">'])
def test_markdown_line_breaks_in_html(tag: str) -> None:
    document = read(f"one{tag}two <b>th</b>ree\n\n| a{tag}b |\n|---|\n".encode(), ".md")
    assert document.sections[0].text == "one\ntwo three\n\na\nb"


def test_markdown_is_named_after_its_first_heading() -> None:
    assert read(b"# Walrus\n\ntext\n\n# Seal\n", ".md").title == "Walrus"


@pytest.mark.parametrize(
    ("text", "title", "found"),
    [
        ("---\ntitle: Seals\n...\ntext", "Seals", "text"),
        ("---\ntitle:\nauthor: Bob\n---\ntext", "", "text"),
        ("---\ntitle: >-\n  Sea animals\ntags:\n- seal\n\n# more\nid: 5\n---\ntext", "Sea animals", "text"),
        ("---\ntitle: >-\nauthor: Bob\n---\ntext", "", "text"),
        ("---\n\nSeals dive.\n\n---\ntext", "", "Seals dive. text"),
        ("---\n- Seals\n- dive\n\n---\ntext", "", "Seals dive text"),
    ],
)
def test_markdown_front_matter_is_what_looks_like_it(text: str, title: str, found: str) -> None:
    document = read(text.encode(), ".md")
    assert (document.title, headings(document)) == (title, [("", found)])


def test_html_without_menus_and_scripts() -> None:
    paragraphs = "".join(f"<p>{ENGLISH} Fact number {number}.</p>" for number in range(5))
    body = (
        "<nav><ul><li><a href=/>Home</a></li><li><a href=/about>About us</a></li></ul></nav>"
        f"<main><h1>Walrus</h1>{paragraphs}<h2>食物</h2><p>{CHINESE}</p>"
        "<table><tr><td>tusk</td><td>1 m</td></tr></table></main><script>alert('no')</script><footer>Imprint</footer>"
    )
    document = read(html("Sea animals", body), ".html")
    found = dict(headings(document))
    assert "Fact number 4." in found["Walrus"]
    assert found["食物"] == f"{CHINESE} tusk 1 m"
    everything = " ".join(found.values())
    assert "alert" not in everything
    assert "Home" not in everything


@pytest.mark.parametrize("charset", ["gbk", "big5", "utf-8"])
def test_html_in_the_encoding_that_it_declares(charset: str) -> None:
    text = "海洋生物" if charset != "big5" else "海洋動物"
    document = read(html(text, f"<p>{text}</p>", charset), ".htm")
    assert text in " ".join(section.text for section in document.sections)


def test_html_of_a_whole_book_is_read_in_time() -> None:
    with effort_below(80):
        document = read(html("Book", f"<h1>Walrus</h1><p>{ENGLISH}</p>" * 50_000), ".html")
    assert document.sections[0].text.count("Walrus ") == 50_000


def test_html_lists_in_lists_are_said_once() -> None:
    items = "<ul><li>walrus<ul><li>tusks</li><li>whiskers</li></ul></li><li>se<b>al</b></li></ul>"
    document = read(html("Animals", f"<h1>Animals</h1><p>{ENGLISH * 5}</p>{items}"), ".html")
    text = " ".join(section.text for section in document.sections)
    assert text.split()[-4:] == ["walrus", "tusks", "whiskers", "seal"]


@pytest.mark.parametrize("page", ["<p>just this</p>", "just this", '<?xml version="1.0" encoding="gbk"?><p>just this'])
def test_html_that_is_no_article_keeps_all_its_text(page: str) -> None:
    page += "<script>evil()</script><!-- secret -->"
    assert read(page.encode(), ".html").sections[0].text.split() == ["just", "this"]


@pytest.mark.parametrize(
    "hidden",
    [
        "<div style='display:none'>SECRET</div>",
        "<span style='color: red; DISPLAY :\n None'>SECRET</span>",
        "<p style='visibility: hidden'>SECRET</p>",
        "<p hidden>SECRET</p>",
        "<template><p>SECRET</p></template>",
        "<table><tr><td style='display: none'>SECRET</td></tr></table>",
    ],
)
@pytest.mark.parametrize("times", [1, 60], ids=["short", "long"])
def test_html_that_is_hidden_is_left_out(hidden: str, times: int) -> None:
    text = " ".join([ENGLISH] * times)
    for page in (f"{hidden}\x1b<p>{text}</p>", f"<html><body><article>{hidden}<p>{text}</p></article></body></html>"):
        assert read(page.encode(), ".html").sections[0].text.split() == text.split()


@pytest.mark.parametrize("page", [b"", b" ", b"<html></html>", b"<!-- only this -->"])
def test_html_without_text(page: bytes) -> None:
    assert not read(page, ".html").sections[0].text.strip()


def test_pdf_page_by_page() -> None:
    document = read(pdf([["The wal-", "rus rests on ice."], ["海象在浮冰上休息。"]], title="Sea animals"), ".pdf")
    assert document.title == "Sea animals"
    assert [(section.page, " ".join(section.text.split())) for section in document.sections] == [
        (1, "The walrus rests on ice."),
        (2, "海象在浮冰上休息。"),
    ]


@pytest.mark.parametrize("title", ["untitled", "Microsoft Word - thesis.docx", "slides.pptx"])
def test_pdf_titles_that_programs_made_up_are_none(title: str) -> None:
    assert read(pdf([["walrus"]], title=title), ".pdf").title == ""


def test_pdf_that_cannot_be_read_says_why() -> None:
    for data, reason in [
        (pdf([["secret"]], password="x"), "encrypted"),
        (b"no pdf", "damaged"),
        (pdf([["whole"]])[:300], "damaged"),
        (pdf([[]]), "OCR"),
    ]:
        with pytest.raises(Unreadable, match=reason):
            read(data, ".pdf")


def test_word_file_with_headings_and_tables() -> None:
    document = read(
        docx("Walrus", [ENGLISH, CHINESE], [["tusk", "1 m"], ["体重", "一吨"]], title="Sea animals"), ".docx"
    )
    assert document.title == "Sea animals"
    assert headings(document) == [("Walrus", f"{ENGLISH} {CHINESE} tusk 1 m 体重 一吨")]


def word(body: str) -> list[tuple[str, str]]:
    """Headings with the text under them, from a Word file with that body."""
    namespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    xml = f"<w:document {namespace}><w:body>{body}</w:body></w:document>"
    document = read(rewritten(docx("a", []), "word/document.xml", xml.encode()), ".docx")
    return [(section.heading, section.text) for section in document.sections if section.text]


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def control(content: str) -> str:
    return f'<w:sdt><w:sdtPr><w:alias w:val="name"/></w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>'


def cells(*texts: str, span: int = 1) -> str:
    start = f'<w:tc><w:tcPr><w:gridSpan w:val="{span}"/></w:tcPr>'
    return "".join(f"{start}<w:p>{run(text)}</w:p></w:tc>" for text in texts)


def test_word_file_with_tracked_changes() -> None:
    deleted = "<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
    link = f"<w:hyperlink><w:ins>{run('eat ')}</w:ins></w:hyperlink>"
    inserted = f"<w:ins>{run('often ')}{deleted}<w:r><w:tab/><w:br/></w:r></w:ins>"
    moved = f"<w:pPr><w:rPr><w:ins/></w:rPr></w:pPr><w:moveTo>{run('moved')}</w:moveTo>"
    first = f"<w:moveFrom>{run('moved')}</w:moveFrom>{run('Seals ')}{inserted}{deleted}{link}{run('herring')}"
    assert word(f"<w:p>{first}</w:p><w:p>{moved}</w:p>") == [("", "Seals often \t\neat herring\n\nmoved")]


def test_word_file_with_content_controls() -> None:
    heading = f'<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr>{control(run("Seals"))}</w:p>'
    paragraph = f"<w:p>{run('They ')}{control(run('eat ') + control(run('herring')))}</w:p>"
    rows = f"<w:tr>{cells('a')}{control(cells('b'))}</w:tr>{control('<w:tr>' + cells('c') + '</w:tr>')}"
    found = word(control(heading + paragraph) + control(f"<w:tbl>{rows}</w:tbl>"))
    assert found == [("Seals", "They eat herring\n\na b\n\nc")]


def test_word_file_with_tags_and_fields() -> None:
    tag = f'<w:smartTag w:element="place"><w:smartTagPr/>{run("Tokyo")}</w:smartTag>'
    field = f'<w:fldSimple w:instr="REF a">{run("section 5")}</w:fldSimple>'
    marked = f"<w:dir>{run(' and')}</w:dir><w:bdo>{run(' more')}</w:bdo>"
    paragraph = f"<w:p><w:customXml>{run('See ')}</w:customXml>{tag}{run(', ')}{field}{marked}</w:p>"
    assert word(f"<w:customXml><w:customXmlPr/>{paragraph}</w:customXml>") == [("", "See Tokyo, section 5 and more")]


def test_word_file_without_properties_has_no_title_but_its_heading() -> None:
    data = docx("Walrus", [ENGLISH], title="lost")
    with zipfile.ZipFile(BytesIO(data)) as file:
        relationships = re.sub(rb"<Relationship [^>]*core-properties[^>]*>", b"", file.read("_rels/.rels"))
    assert read(rewritten(data, "_rels/.rels", relationships), ".docx").title == "Walrus"


def test_word_file_without_its_text_boxes() -> None:
    box = f"<w:txbxContent>{control('<w:p>' + run('boxed') + '</w:p>')}</w:txbxContent>"
    namespace = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    choices = f"<mc:Choice>{box}</mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"
    boxes = f"<w:r><mc:AlternateContent {namespace}>{choices}</mc:AlternateContent></w:r>"
    assert word(f"<w:p>{run('walrus')}{boxes}</w:p>") == [("", "walrus")]


def test_word_file_with_equal_and_merged_cells() -> None:
    rows = f"<w:tr>{cells('Tokyo', '3', '3', '5')}</w:tr><w:tr>{cells('Osaka', span=2)}{cells('4', '4')}</w:tr>"
    assert word(f"<w:tbl>{rows}</w:tbl>") == [("", "Tokyo 3 3 5\n\nOsaka 4 4")]


def rewritten(data: bytes, part: str, content: bytes) -> bytes:
    """A Word file with one part replaced."""
    result = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, content if name == part else old.read(name))
    return result.getvalue()


@pytest.mark.slow
def test_word_file_that_is_a_bomb_is_refused() -> None:
    entities = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 10))
    xml = b'<!DOCTYPE x [<!ENTITY e0 "walrus">' + entities + b"]><x>&e9;</x>"
    with pytest.raises(Unreadable, match="damaged"):
        read(rewritten(docx("a", []), "word/document.xml", xml), ".docx")
    with pytest.raises(Unreadable, match="unpacks to 300 MB"):
        read(rewritten(docx("a", []), "word/document.xml", bytes(300 << 20)), ".docx")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0" + bytes(2000), b"walrus" * 300])
def test_what_is_no_word_file_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read(data, ".docx")
