"""Questions with blanks: filled from the command line and from defaults; what is wrong with one is said."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from moss_agent.cli.ask import configure, question_of
from moss_agent.cli.templates import filled
from moss_agent.errors import UsageError
from tests.cli.test_ask import Typed, piped


def question(*arguments: str) -> str:
    """What is asked with these arguments of `ask`."""
    configure(parser := argparse.ArgumentParser())
    return question_of(parser.parse_args(arguments))


@pytest.fixture(autouse=True)
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOSS_AGENT_SETTINGS", str(tmp_path / "settings.toml"))
    folder = tmp_path / "templates"
    folder.mkdir()
    text = 'question = "Into $language, ${tone}: $input for $$5"\n[defaults]\nlanguage = "English"\n'
    (folder / "translate.toml").write_text(text)
    (folder / "joke.toml").write_text('question = "Tell a joke."\n')
    return folder


def test_blanks_are_filled() -> None:
    wanted = "Into English, kindly: Guten Tag $x for $5"
    assert filled("translate", "Guten Tag $x", {"tone": "kindly"}) == wanted
    assert filled("translate", "a", {"tone": "b", "language": "c"}) == "Into c, b: a for $5"


def test_a_question_without_its_blank_follows() -> None:
    assert filled("joke", "", {}) == "Tell a joke."
    assert filled("joke", "About moss", {}) == "Tell a joke.\n\nAbout moss"


def test_what_is_piped_in_fills_a_template_without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", piped("Dear Ann\n"))
    assert question("-t", "translate", "-p", "tone=kindly") == "Into English, kindly: Dear Ann for $5"
    monkeypatch.setattr("sys.stdin", piped("Dear Ann\n"))
    assert question("-t", "translate", "-p", "tone=kindly", "Hi", "-") == "Into English, kindly: Hi\n\nDear Ann for $5"
    monkeypatch.setattr("sys.stdin", piped("About moss\n"))
    assert question("-t", "joke") == "Tell a joke.\n\nAbout moss"


@pytest.mark.parametrize("word", [(), ("-",)])
def test_a_template_may_need_no_question(monkeypatch: pytest.MonkeyPatch, word: tuple[str, ...]) -> None:
    monkeypatch.setattr("sys.stdin", piped("\n"))
    assert question("-t", "joke", *word) == "Tell a joke."
    with pytest.raises(UsageError, match=r"blank \$input: give a question"):
        question("-t", "translate", "-p", "tone=kindly", *word)


def test_nobody_has_to_type_for_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", piped("not read", Typed))
    assert question("-t", "joke") == "Tell a joke."


def test_a_template_does_not_wait_for_a_pipe_that_nobody_uses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("moss_agent.cli.ask.PATIENCE", 0.01)
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as stdin, open(writing, "w", encoding="utf-8"):
        monkeypatch.setattr("sys.stdin", stdin)
        assert question("-t", "joke") == "Tell a joke."
    assert "nothing came on standard input" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, question, values, reason",
    [
        ("nothing", "", {}, "no template 'nothing'.*there are: joke, translate"),
        ("../settings", "", {}, "no template"),
        ("translate", "x", {}, r"blank \$tone: give -p tone=VALUE"),
        ("translate", "", {"tone": "x"}, r"blank \$input: give a question"),
        ("translate", "x", {"ton": "x"}, "no blank 'ton'; it has: language, tone"),
        ("translate", "x", {"input": "x", "tone": "x"}, "no blank 'input'"),
    ],
)
def test_what_is_missing_is_named(name: str, question: str, values: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        filled(name, question, values)


@pytest.mark.parametrize(
    "content", ["question = ", "x = 1", 'question = "$"', 'question = "a"\ndefaults = 1', 'question = "a"\nb = 1']
)
def test_a_file_that_is_no_template_is_named(templates: Path, content: str) -> None:
    (templates / "bad.toml").write_text(content)
    with pytest.raises(UsageError, match="bad.toml"):
        filled("bad", "", {})
