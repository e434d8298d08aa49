"""`plugins`: list, run by hand and by JSON lines, new, check, each as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moss_agent import plugin
from moss_agent.cli.plugins_run import run_line
from moss_agent.plugin_host import PluginRunner
from tests.cli.conftest import Program

NOISY = """
from moss_agent import plugin

@plugin("Noisy", label="Noisy")
def noisy(text: str, *, times: int = 2) -> str:
    print("do not mind me")
    return text * times
"""
BROKEN = """
from moss_agent import plugin

@plugin("Broken", label="Broken")
def broken() -> str:
    return ""
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with a plugin."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "noisy.py").write_text(NOISY)
    return folder


@pytest.mark.slow
def test_list_shows_bundled_plugins_and_own_ones(command: Program, mine: Path) -> None:
    done = command("plugins", "list", "--plugin-dir", str(mine))
    assert done.returncode == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if not line.startswith(" ")}
    assert {"KEY", "calculator", "equation_solver", "text_to_image", "web_search", "noisy"} == lines.keys()
    assert "Calculate(expression)" in lines["calculator"]
    assert lines["calculator"].endswith("bundled")
    assert "  network  " in lines["web_search"] and "  files  " in lines["text_to_image"]
    assert "  none  " in lines["calculator"]
    assert lines["noisy"].endswith(str(mine / "noisy.py"))
    assert "  settings: times = 2" in done.stdout.splitlines()


def test_what_is_wrong_with_plugins_is_a_note_and_the_others_are_there(program: Program, mine: Path) -> None:
    (mine / "broken.py").write_text(BROKEN)
    (mine / "search.py").write_text(NOISY.replace("Noisy", "Search"))
    done = program("plugins", "list", "--plugin-dir", str(mine), "--plugin-dir", "nowhere")
    assert done.returncode == 0
    assert "noisy" in done.stdout and "web_search" in done.stdout
    notes = done.stderr.splitlines()
    assert len(notes) == 3
    assert notes[0].startswith("note: plugin broken: ") and "needs a positional parameter" in notes[0]
    assert notes[1].startswith("note: no plugin folder ")
    assert notes[2].startswith("note: plugin Search of ") and "enable it with --plugins search" in notes[2]
    run = program("plugins", "run", "noisy", "a", "--plugin-dir", str(mine))
    assert (run.returncode, run.stdout) == (0, "aa\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["calculator", "Calculate"])
def test_run_prints_what_the_model_would_see(command: Program, name: str) -> None:
    done = command("plugins", "run", name, "37*89")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3293\n", "")


def test_run_names_the_sources_of_a_search_beside_its_result(program: Program, tmp_path: Path) -> None:
    (tmp_path / "find.py").write_text(
        "from moss_agent import Hit, plugin\n\n"
        '@plugin("Find", label="Find")\n'
        "def find(query: str) -> list[Hit]:\n"
        '    return [Hit(query, "A \\x1b[2Jpage", "https://example.org/")]\n'
    )
    done = program("plugins", "run", "find", "moss", "--plugin-dir", str(tmp_path))
    assert (done.stdout, done.stderr) == ("<|1|>: 'moss'\n", "[1] A page — https://example.org/\n")


@pytest.mark.slow
def test_run_without_result_says_why(command: Program) -> None:
    done = command("plugins", "run", "calculator", "37*")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("moss-agent: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give a plugin's NAME"),
        (["calculator"], "Calculate(expression) was given 0 arguments"),
        (["calculator", "37", "*", "89"], "Calculate(expression) was given 3 arguments"),
        (["frob", "1"], "no plugin 'frob'; there are: calculator"),
        (["calculator", "1", "--jsonl"], "or --jsonl and neither"),
    ],
)
def test_run_refuses_what_makes_no_sense(command: Program, arguments: list[str], told: str) -> None:
    done = command("plugins", "run", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_json_lines_are_answered_in_order_whatever_they_hold(program: Program) -> None:
    lines = [
        '{"id": 1, "tool": "calculator", "argument": "2^10"}',
        "no JSON",
        "",
        "[" * 100_000,
        "[1]",
        '{"id": NaN, "tool": "calculator", "argument": "1"}',
        '{"id": [1e999], "tool": "calculator", "argument": "1"}',
        '{"id": "a", "tool": "frob", "argument": "1"}',
        '{"id": "b", "tool": "calculator", "argument": 1}',
        '{"id": "c", "tool": "calculator", "argument": "1", "extra_args": "x"}',
        '{"id": "d", "tool": "Solve", "argument": "x^2=4", "extra_args": ["x"]}',
        '{"id": "e", "tool": "calculator", "argument": "1/0"}',
    ]
    done = program("plugins", "run", "--jsonl", stdin="\n".join(lines))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [1, *[None] * 5, "a", "b", "c", "d", "e"]
    assert [answer["ok"] for answer in answers] == [True, *[False] * 8, True, False]
    assert answers[0] == {"id": 1, "result": "1024", "ok": True}
    assert answers[9]["result"] == "x_0 = -2\nx_1 = 2"
    assert all(answer["result"] == "No result." and answer["error"] for answer in answers if not answer["ok"])
    assert answers[1]["error"].startswith("line 2: ")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ({"arguments": ["Paris", 2, [1, "2.5"], True]}, "('Paris', 2, [1.0, 2.5], True)"),
        ({"arguments": {"days": "3", "city": "Rome", "back": None}}, "('Rome', 3, None, False)"),
        ({"argument": "Bonn", "arguments": {"stops": [4]}}, "('Bonn', 1, [4.0], False)"),
        ({"argument": "Ulm", "extra_args": ["5"], "arguments": [[6]]}, "('Ulm', 5, [6.0], False)"),
        ({"arguments": []}, "Trip: city is missing: it must be text"),
        ({"arguments": {"city": "Paris", "nights": 2}}, "Trip has no parameter 'nights'"),
        ({"arguments": ["Paris", {}]}, "an argument must be text, a number"),
        ({"arguments": {"city": [[]]}}, "an argument must be text, a number"),
        ({"arguments": "Paris"}, '"arguments" must be a list or an object'),
        ({"arguments": None}, '"arguments" must be a list or an object'),
        ({}, '"tool" and "argument" must be strings'),
    ],
)
def test_json_lines_give_several_arguments_in_their_order_or_by_name(call: dict[str, object], told: str) -> None:
    @plugin("Trip", label="Trip")
    def trip(city: str, days: int = 1, stops: list[float] | None = None, back: bool = False) -> str:
        return repr((city, days, stops, back))

    answer = run_line(PluginRunner([trip]), json.dumps({"id": 1, "tool": "Trip", **call}), 1)
    assert told in (answer["result"] if answer["ok"] else answer["error"])


def test_what_a_plugin_prints_stays_out_of_the_output(program: Program, mine: Path) -> None:
    (mine / "noisy.py").write_text(f"{NOISY}import os\nprint('nor me')\nos.write(1, b'here I am\\n')\n")
    call = json.dumps({"id": 1, "tool": "noisy", "argument": "苔"})
    done = program("plugins", "run", "--jsonl", "--plugin-dir", str(mine), stdin=call)
    assert done.stdout == '{"id": 1, "result": "苔苔", "ok": true}\n'
    assert sorted(done.stderr.splitlines()) == ["do not mind me", "here I am", "nor me"]
    for arguments in (["check", str(mine)], ["list", "--plugin-dir", str(mine)]):
        done = program("plugins", *arguments)
        assert "Noisy(text)" in done.stdout and not {"nor me", "here I am"} & set(done.stdout.splitlines())


def test_settings_reach_the_plugin(program: Program, mine: Path, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[plugins.noisy]\ntimes = 3\n")
    done = program("plugins", "run", "noisy", "a", "--plugin-dir", str(mine), MOSS_AGENT_SETTINGS=str(file))
    assert done.stdout == "aaa\n"


@pytest.mark.slow
def test_a_new_plugin_works_at_once(command: Program, tmp_path: Path) -> None:
    folder = tmp_path
    assert command("plugins", "new", "bus_times").returncode == 0
    assert (folder / "bus_times.py").is_file()
    checked = command("plugins", "check", "bus_times.py")
    assert (checked.stdout, checked.stderr) == ("- Bus times: enabled. API: BusTimes(words)\n", "")
    run = command("plugins", "run", "--plugin-dir", ".", "bus_times", "a moss grows slowly")
    assert run.stdout == "slowly (6 letters)\n"
    typed = command("plugins", "run", "--plugin-dir", ".", "bus_times", "a moss grows slowly", "2")
    assert typed.stdout == "slowly (6 letters), grows (5 letters)\n"
    wrong = command("plugins", "run", "--plugin-dir", ".", "bus_times", "a moss", "two")
    assert wrong.stderr == "moss-agent: BusTimes: count must be a whole number, not 'two'\n"


def test_new_overwrites_nothing(command: Program, tmp_path: Path) -> None:
    file = tmp_path / "weather.py"
    file.write_text("precious")
    done = command("plugins", "new", "weather")
    assert done.returncode == 2
    assert "weather.py is there already" in done.stderr
    assert file.read_text() == "precious"


@pytest.mark.parametrize("name", ["../weather", "Weather", "class", "1st", "_a", "a b", "", "files"])
def test_new_refuses_names_that_cannot_be(command: Program, name: str, tmp_path: Path) -> None:
    assert command("plugins", "new", name).returncode == 2
    assert not list(tmp_path.rglob("*.py"))


@pytest.mark.slow
def test_check_reports_each_broken_plugin_in_one_line(command: Program, mine: Path) -> None:
    (mine / "broken.py").write_text(BROKEN)
    (mine / "empty\x1b[31m.py").write_text("")
    (mine / "typo.py").write_text("def")
    (mine / "untyped.py").write_text(NOISY.replace("text: str", "text: bytes"))
    done = command("plugins", "check", str(mine))
    assert done.returncode == 1
    assert done.stdout == "- Noisy: enabled. API: Noisy(text)\n"
    lines = done.stderr.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("plugin broken: ")
    assert "needs a positional parameter" in lines[0]
    assert lines[1].startswith("empty.py: no plugin")
    assert "SyntaxError" in lines[2]
    assert "the parameter 'text' must be annotated as str, int, float" in lines[3]


def test_check_needs_something_to_check(command: Program, tmp_path: Path) -> None:
    assert command("plugins", "check", "nowhere").returncode == 2
    assert command("plugins", "check", str(tmp_path)).returncode == 2
