"""The families in `prompts/`: each loads, and what is shown as an example is the protocol as we write it."""

from __future__ import annotations

import re

import pytest

from moss_agent.checkpoints.families import FAMILY_FILE, load_family, written_family
from moss_agent.errors import UsageError
from moss_agent.protocol import Capability, parse_results, parse_turn, render_results, render_turn
from moss_agent.resources import bundled
from moss_agent.session import Sampling

NAMES = sorted(path.stem for path in bundled("prompts").glob("*.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_family_loads(name):
    family = load_family(name)
    assert family.dialect in ("moss", "tools") and family.max_rounds >= 1
    Sampling(**family.sampling)


def test_an_unknown_family_is_told_with_the_known_ones():
    with pytest.raises(UsageError, match="no model family 'x'; there are: mini, moss, shown, tools"):
        load_family("x")


@pytest.mark.parametrize("noted", ['{"family": ["mini"]}', '{"family": {}}', '["mini"]', "{", '{"family": "x"}'])
def test_what_a_folder_notes_that_is_no_family_is_none(tmp_path, noted):
    (tmp_path / FAMILY_FILE).write_text(noted)
    assert written_family(tmp_path) == ""


def test_the_examples_are_written_as_the_program_writes_turns():
    examples = load_family("shown").preamble.examples
    texts = re.findall(r"<\|Human\|>:.*?<eom>\n", examples, re.DOTALL)
    assert len(texts) == 4
    for text in texts:
        turn = parse_turn(text)
        assert render_turn(turn) == text
        assert render_results(parse_results(turn.results)) == turn.results


def test_the_examples_stand_behind_the_plugins():
    preamble = load_family("shown").preamble.render([Capability("Weather", "Weather(city)")])
    assert preamble.index("Weather(city)") < preamble.index("Examples:")
    assert preamble.endswith("The conversation:\n")
