"""A folder says whether its model can be told of tools, wherever its chat template stands."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from moss_agent.checkpoints.chat_template import has_tool_template

KNOWS = "{% for tool in tools %}{{ tool | tojson }}{% endfor %}"
PLAIN = "{% for message in messages %}{{ message.content }}{% endfor %}"


@pytest.mark.parametrize(
    ("chat_template", "told"),
    [
        (KNOWS, True),
        (PLAIN, False),
        (None, False),
        (7, False),
        ([{"name": "default", "template": PLAIN}, {"name": "tool_use", "template": KNOWS}], True),
        ([{"name": "default", "template": PLAIN}, "?", {"name": "x"}], False),
    ],
)
def test_template_in_the_settings_of_the_tokenizer(tmp_path, chat_template, told):
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": chat_template}), "utf-8")
    assert has_tool_template(tmp_path) is told


@pytest.mark.parametrize("name", ["chat_template.jinja", "additional_chat_templates/tool_use.jinja"])
@pytest.mark.parametrize(("template", "told"), [(KNOWS, True), (PLAIN, False)])
def test_template_in_a_file_of_its_own(tmp_path, name, template, told):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(template, "utf-8")
    assert has_tool_template(tmp_path) is told


@pytest.mark.parametrize("settings", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_cannot_be_read_knows_no_tools(tmp_path, settings):
    (tmp_path / "tokenizer_config.json").write_bytes(settings)
    assert not has_tool_template(tmp_path)


def test_nothing_heavy_is_imported_for_it():
    code = "import sys, moss_agent.checkpoints.chat_template; print({'torch', 'transformers'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
