"""`eval` as a user runs it, on a server that answers by the question; and once on mini."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Program
from tests.engine.backends.remote.chat_shapes import delta, sent, usage
from tests.engine.backends.remote.raw_server import RawServer, page, serving, stream

CHAT = "/v1/chat/completions"


class QuestionServer(RawServer):
    """Answers each question with what stands behind its first blank, or in `said`; `fail` fails.

    before: called with each question. asked, tools: the questions that came, and the tools that came with them.
    """

    def __init__(self, before: Callable[[str], object] = lambda question: None) -> None:
        models = json.dumps({"data": [{"id": "tiny/chat", "owned_by": "someone"}]}).encode()
        super().__init__({"/v1/models": [page(200, models)]})
        self.before = before
        self.said: dict[str, str] = {}
        self.asked: list[str] = []
        self.tools: list[object] = []

    def answer(self, path: str) -> Iterator[bytes]:
        if path != CHAT:
            return super().answer(path)
        body = json.loads(self.requests[-1].split("\n")[-1])
        self.tools.append(body.get("tools"))
        question = [message["content"] for message in body["messages"] if message["role"] == "user"][-1]
        self.asked.append(question)
        self.before(question)
        said = self.said.get(question, question.partition(" ")[2])
        if said == "fail":
            return page(400, b'{"error": "out of ink"}')()
        return stream(sent(delta(content=said), delta("stop"), usage(10, 2)))()


@pytest.fixture
def server() -> Iterator[QuestionServer]:
    with serving(made := QuestionServer()):
        yield made


@pytest.fixture
def ask(command: Program, server: QuestionServer) -> Program:
    """Runs `eval` in this process on the server, one question at a time."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return command("eval", *arguments, "--server", server.url, "--plugins", "calculator", "--at-once", "1")

    return run


def write(path: Path, *records: object) -> str:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return str(path)


def questions(path: Path, *said: str) -> str:
    """A file of questions whose answer is 5; the server says what is given here."""
    return write(path, *({"question": f"q{number} {each}", "answer": 5} for number, each in enumerate(said)))


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_cases_are_counted_and_stand_in_a_file_that_names_data_and_model(ask: Program, tmp_path: Path) -> None:
    data = write(
        tmp_path / "q.jsonl",
        {"question": "q1 It is 5.", "answer": "#### 5", "kind": "sum"},
        {"question": "q2 It is 6.", "answer": 5, "kind": "sum"},
        {"question": "你好 不客气", "answer": None},
    )
    done = ask(data)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines() if line]
    assert rows[0] == ["all", "English", "Chinese"]
    assert rows[1] == ["right", "2/3", "67%", "(21-94)", "1/2", "50%", "(9-91)", "1/1", "100%", "(21-100)"]
    assert ["sum", "1/2", "50%", "(9-91)"] in [row[:4] for row in rows]
    run, *cases = lines(tmp_path / "eval-q-tiny-chat.jsonl")
    assert (run["data"], run["model"], run["plugins"]) == ("q.jsonl", "tiny/chat", ["Calculate"])
    assert [(case["id"], case["right"], case["answer"]) for case in cases] == [
        ("q:1", True, "It is 5."),
        ("q:2", False, "It is 6."),
        ("q:3", True, "不客气"),
    ]


def test_decoding_is_greedy_unless_told_otherwise(ask: Program, server: QuestionServer, tmp_path: Path) -> None:
    data = questions(tmp_path / "q.jsonl", "5")
    ask(data, "--out", str(tmp_path / "a.jsonl"))
    ask(data, "--out", str(tmp_path / "b.jsonl"), "--temperature", "0.5")
    bodies = [json.loads(each.split("\n")[-1]) for each in server.requests if CHAT in each.split("\n")[0]]
    assert [body["temperature"] for body in bodies] == [0, 0.5]


def test_a_run_goes_on_with_what_is_not_done_or_has_failed(
    ask: Program, server: QuestionServer, tmp_path: Path
) -> None:
    data, out = questions(tmp_path / "q.jsonl", "5", "fail", "6"), str(tmp_path / "out.jsonl")
    first = ask(data, "--out", out)
    assert first.returncode == 1 and "1 cases failed and are not counted, such as q:2" in first.stdout
    again = ask(data, "--out", out)
    assert again.returncode == 2 and "--resume" in again.stderr and len(again.stderr.splitlines()) == 1
    server.said = {"q1 fail": "5"}
    (tmp_path / "out.jsonl").open("a").write('{"type": "case", "id": "q:9", "que')  # of a run that was killed
    server.asked.clear()
    third = ask(data, "--out", out, "--resume")
    assert (third.returncode, server.asked) == (0, ["q1 fail"])
    assert third.stdout.splitlines()[1].split()[:2] == ["right", "2/3"]
    server.asked.clear()
    assert ask(data, "--out", out, "--resume").returncode == 0 and not server.asked
    questions(tmp_path / "q.jsonl", "5", "fail", "5 or so")
    fourth = ask(data, "--out", out, "--resume")
    assert (fourth.stdout.splitlines()[1].split()[:2], server.asked) == (["right", "3/3"], ["q2 5 or so"])


def test_a_corrected_answer_is_asked_and_judged_again(ask: Program, server: QuestionServer, tmp_path: Path) -> None:
    data, out = questions(tmp_path / "q.jsonl", "5", "6"), str(tmp_path / "out.jsonl")
    assert ask(data, "--out", out).stdout.splitlines()[1].split()[:2] == ["right", "1/2"]
    write(tmp_path / "q.jsonl", {"question": "q0 5", "answer": 5}, {"question": "q1 6", "answer": 6})
    server.asked.clear()
    again = ask(data, "--out", out, "--resume")
    assert (again.stdout.splitlines()[1].split()[:2], server.asked) == (["right", "2/2"], ["q1 6"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--plugins", "none"), "has results with another --plugins"),
        (("--temperature", "1.5"), "has results with another --temperature"),
        (("--dialect", "moss"), "has results with another --dialect"),
        (("--family", "tools"), "has results with another --family"),
        (("--dtype", "bf16"), "has results with another --dtype"),
        (("--quantize", "int4"), "has results with another --quantize"),
        (("--max-new-tokens", "9"), "has results with another --max-new-tokens"),
        (("--context-length", "1000"), "has results with another --context-length"),
        (("--seed", "1"), "has results with another --seed"),
    ],
)
def test_a_run_goes_on_only_as_it_began(
    ask: Program, command: Program, server: QuestionServer, tmp_path: Path, changed: tuple[str, ...], said: str
) -> None:
    data, out = questions(tmp_path / "q.jsonl", "5"), tmp_path / "out.jsonl"
    assert ask(data, "--out", str(out)).returncode == 0
    before = out.read_bytes()
    same = ("eval", data, "--server", server.url, "--plugins", "calculator", "--out", str(out), "--resume")
    done = command(*same, *changed)
    assert (done.returncode, said in done.stderr, out.read_bytes()) == (2, True, before)
    assert command(*same).returncode == 0


def test_a_run_of_an_earlier_version_goes_on_if_what_it_has_noted_is_the_same(ask: Program, tmp_path: Path) -> None:
    data, out = questions(tmp_path / "q.jsonl", "5"), tmp_path / "out.jsonl"
    ask(data, "--out", str(out))
    run, case = lines(out)
    assert run.pop("settings").keys() == {
        *("dtype", "quantize", "context_length", "max_rounds", "max_new_tokens"),
        *("seed", "top_k", "top_p", "repetition_penalty"),
    }
    write(out, run, case)
    assert ask(data, "--out", str(out), "--resume", "--dtype", "bf16", "--seed", "1").returncode == 0
    assert ask(data, "--out", str(out), "--resume", "--temperature", "0.5").returncode == 2


def test_another_model_is_refused_even_if_all_cases_are_done(ask: Program, command: Program, tmp_path: Path) -> None:
    data, out = questions(tmp_path / "q.jsonl", "5"), str(tmp_path / "out.jsonl")
    ask(data, "--out", out)
    done = command("eval", data, "--out", out, "--resume", "--model", "no/such-model", "--plugins", "calculator")
    assert (done.returncode, done.stdout, "of the model tiny/chat" in done.stderr) == (2, "", True)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow larger than so many bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_what_was_done_and_the_run_goes_on(ask: Program, tmp_path: Path) -> None:
    data, out = questions(tmp_path / "q.jsonl", "5", "6" * 5000, "5"), str(tmp_path / "out.jsonl")
    with files_of_at_most(4000):
        done = ask(data, "--out", out)
    assert done.returncode == 2 and done.stdout.splitlines()[1].split()[:2] == ["right", "1/1"]
    stopped, failed = done.stderr.splitlines()
    assert stopped == "stopped: 1 of 3 cases are done; --resume goes on"
    assert failed == f"moss-agent: cannot write {out}: File too large: make room there"
    again = ask(data, "--out", out, "--resume")
    assert (again.returncode, again.stdout.splitlines()[1].split()[:2]) == (0, ["right", "2/3"])


def test_a_disk_that_is_full_from_the_beginning_leaves_a_file_to_go_on_with(ask: Program, tmp_path: Path) -> None:
    data, out = questions(tmp_path / "q.jsonl", "5"), str(tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl").touch()
    assert ask(data, "--out", out, "--resume").returncode == 0
    assert ask(data, "--out", "/dev/full").stderr.endswith("No space left on device: make room there\n")


def test_results_of_other_data_or_another_model_are_left_alone(ask: Program, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    ask(questions(tmp_path / "q.jsonl", "5"), "--out", str(out))
    before = out.read_bytes()
    other = ask(questions(tmp_path / "r.jsonl", "5"), "--out", str(out), "--resume")
    assert (other.returncode, "has results of q.jsonl" in other.stderr) == (2, True)
    out.write_bytes(before.replace(b"tiny/chat", b"large/chat"))
    other = ask(questions(tmp_path / "q.jsonl", "5", "6"), "--out", str(out), "--resume")
    assert (other.returncode, "of the model large/chat" in other.stderr) == (2, True)
    assert len(out.read_bytes().splitlines()) == 2


def test_the_least_share_is_the_exit_code(ask: Program, tmp_path: Path) -> None:
    data = questions(tmp_path / "q.jsonl", "5", "5", "6")
    assert ask(data, "--min", "0.6").returncode == 0
    done = ask(data, "--min", "0.7", "--resume")
    assert (done.returncode, done.stderr) == (1, "moss-agent: 66.7% are right, less than 70.0%\n")


def test_the_least_share_is_that_with_plugins(ask: Program, server: QuestionServer, tmp_path: Path) -> None:
    server.before = lambda question: server.said.update({"q0 5": "5" if server.tools[-1] else "6"})
    data = questions(tmp_path / "q.jsonl", "5")
    assert ask(data, "--also-without", "--min", "0.9").returncode == 0
    server.before = lambda question: server.said.update({"q0 5": "6" if server.tools[-1] else "5"})
    done = ask(data, "--also-without", "--min", "0.4", "--out", str(tmp_path / "other.jsonl"))
    assert (done.returncode, done.stderr) == (1, "moss-agent: 0.0% are right, less than 40.0%\n")


def test_a_limit_is_spread_over_the_data(ask: Program, server: QuestionServer, tmp_path: Path) -> None:
    ask(questions(tmp_path / "q.jsonl", *"5555555555"), "--limit", "3")
    assert server.asked == ["q0 5", "q3 5", "q6 5"]


def test_questions_can_be_asked_without_plugins_too(ask: Program, server: QuestionServer, tmp_path: Path) -> None:
    done = ask(questions(tmp_path / "q.jsonl", "5"), "--also-without")
    assert done.stdout.splitlines()[0].split() == ["with", "plugins", "without", "plugins"]
    assert [bool(tools) for tools in server.tools] == [True, False]


def test_plugins_of_questions_go_by_both_names_and_unknown_ones_are_refused(
    ask: Program, server: QuestionServer, tmp_path: Path
) -> None:
    data = write(
        tmp_path / "q.jsonl",
        {"question": "q0 5", "answer": 5, "plugins": ["calculator"]},
        {"question": "q1 5", "answer": 5, "plugins": ["Calculate"]},
    )
    assert ask(data).returncode == 0
    data = write(tmp_path / "r.jsonl", {"question": "q0 5", "answer": 5, "plugins": ["abacus"]})
    server.asked.clear()
    done = ask(data)
    assert (done.returncode, server.asked, len(done.stderr.splitlines())) == (2, [], 1)
    assert "r:1 wants the plugin abacus" in done.stderr and "Calculate (calculator)" in done.stderr


def test_first_turns_only(ask: Program, server: QuestionServer, tmp_path: Path) -> None:
    turns = [{"question": f"q{n} Hi", "answer": "Hi"} for n in range(2)]
    conversation = {"format": "moss_agent.conversation/2", "preamble": "", "turns": turns}
    (tmp_path / "talk.json").write_text(json.dumps(conversation))
    assert ask(str(tmp_path / "talk.json"), "--first-turns").returncode == 0
    assert server.asked == ["q0 Hi"]


def test_the_page_shows_failures(ask: Program, tmp_path: Path) -> None:
    ask(questions(tmp_path / "q.jsonl", "5", "<script>6"), "--html", str(tmp_path / "page.html"))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "q1 &lt;script&gt;6" in text and "q0 5" not in text and "<script" not in text


def test_faulty_records_are_named_before_anything_is_asked(
    ask: Program, server: QuestionServer, tmp_path: Path
) -> None:
    data = write(tmp_path / "q.jsonl", {"question": "q0 5", "answer": 5}, {"question": ""}, {"x\x1b[31m": 1})
    done = ask(data)
    assert (done.returncode, server.asked, done.stdout) == (2, [], "")
    assert [line.split(": ")[1] for line in done.stderr.splitlines()[:2]] == [f"{data}, line {n}" for n in (2, 3)]
    assert "what cannot be read (2 in all)" in done.stderr and "\x1b" not in done.stderr


def test_nothing_from_data_or_model_steers_the_terminal(ask: Program, tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202e5"
    before = write(tmp_path / "q.jsonl", {"question": f"q {hostile}", "answer": 6, "kind": hostile, "id": hostile})
    first = ask(before, "--out", str(tmp_path / "a.jsonl"), "--html", str(tmp_path / "page.html"))
    write(tmp_path / "q.jsonl", {"question": f"q {hostile}", "answer": 5, "kind": hostile, "id": hostile})
    second = ask(before, "--out", str(tmp_path / "b.jsonl"))
    differing = ask("diff", str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"))
    assert "now right: 1" in differing.stdout
    shown = "".join(done.stdout + done.stderr for done in (first, second, differing))
    shown += "".join((tmp_path / name).read_text(encoding="utf-8") for name in ("a.jsonl", "b.jsonl", "page.html"))
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_which_cases_changed_with_a_sign_test(
    ask: Program, command: Program, server: QuestionServer, tmp_path: Path
) -> None:
    data = questions(tmp_path / "q.jsonl", "5", "6", "6", "6", "6", "6", "5")
    before, after = str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")
    ask(data, "--out", before)
    server.said = {f"q{number} 6": "5" for number in range(1, 6)} | {"q6 5": "6"}
    ask(data, "--out", after)
    done = command("eval", "diff", before, after)
    assert done.returncode == 0
    assert done.stdout.splitlines()[:2] == ["now wrong: 1", "q:7           q6 5"]
    assert done.stdout.splitlines()[-1] == "7 cases in common, 5 better, 1 worse: p = 0.219 (sign test)"
    assert command("eval", "diff", before, str(tmp_path / "q.jsonl")).returncode == 2


def test_cases_with_plugins_and_without_are_compared_apart(
    ask: Program, command: Program, server: QuestionServer, tmp_path: Path
) -> None:
    data = questions(tmp_path / "q.jsonl", "5", "6")
    before, after = str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")
    ask(data, "--out", before, "--also-without")
    server.said = {"q1 6": "5"}
    ask(data, "--out", after, "--also-without")
    lines = command("eval", "diff", before, after).stdout.splitlines()
    counts = "2 cases in common, 1 better, 0 worse: p = 1 (sign test)"
    assert [line for line in lines if "plugins" in line or "common" in line] == [
        "with plugins",
        counts,
        "without plugins",
        counts,
    ]
    alone = str(tmp_path / "c.jsonl")
    ask(data, "--out", alone)
    shown = command("eval", "diff", before, alone).stdout
    assert "with plugins\n" in shown and "\n0 cases in common" in shown.partition("without plugins")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jsonl"], "missing.jsonl"),
        (["q.jsonl", "r.jsonl"], "eval diff A B"),
        (["q.jsonl", "--limit", "0"], "--limit 0"),
        (["q.jsonl", "--at-once", "0"], "--at-once 0"),
        (["q.jsonl", "--min", "85"], "0.85"),
        (["q.jsonl", "--out", "no/such/folder/x.jsonl"], "no/such/folder/x.jsonl"),
        (["q.jsonl", "--html", "no/such/folder/x.html"], "no/such/folder/x.html"),
        (["null.jsonl", "--also-without"], "--also-without"),
        (["diff", "q.jsonl", "q.jsonl"], "q.jsonl"),
    ],
)
def test_a_wrong_command_is_one_line_that_names_the_remedy(
    command: Program, server: QuestionServer, tmp_path: Path, arguments: list[str], message: str
) -> None:
    questions(tmp_path / "q.jsonl", "5")
    write(tmp_path / "null.jsonl", {"question": "Hi", "answer": None})
    done = command("eval", *arguments, "--server", server.url, "--plugins", "none")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert message in done.stderr


def test_functions_need_a_model_that_calls_tools(command: Program, tmp_path: Path) -> None:
    case = {"id": "irrelevance_0", "question": [[{"role": "user", "content": "Hi?"}]], "function": []}
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "BFCL_v4_irrelevance.json", case)
    done = command("eval", "data", "--model", "mini")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "name a chat model with --model or --server" in done.stderr


def test_declared_functions_are_told_as_tools(ask: Program, server: QuestionServer, tmp_path: Path) -> None:
    function = {"name": "math.area", "description": "Area.", "parameters": {"type": "dict", "properties": {}}}
    case = {"id": "irrelevance_0", "question": [[{"role": "user", "content": "q Hi"}]], "function": [function]}
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "BFCL_v4_irrelevance.json", case)
    done = ask(str(tmp_path / "data"))
    assert done.returncode == 0 and "irrelevance" in done.stdout
    assert [tool["function"]["name"] for tool in server.tools[0]] == ["math_area"]  # type: ignore[attr-defined]


@pytest.mark.slow
def test_an_interrupt_keeps_what_was_done_and_prints_it(tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def stay(question: str) -> None:
        if question.startswith("q2"):
            reached.set()
            go_on.wait(60)

    data = questions(tmp_path / "q.jsonl", "5", "6", "5", "5")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with serving(server := QuestionServer(stay)):
        command = [sys.executable, "-m", "moss_agent", "eval", data, "--server", server.url, "--plugins", "none"]
        process = subprocess.Popen(
            [*command, "--at-once", "1"], stdout=-1, stderr=-1, text=True, cwd=tmp_path, env=environment
        )
        assert reached.wait(60)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
        go_on.set()
    assert process.returncode == 130
    assert errors == "stopped: 2 of 4 cases are done; --resume goes on\n"
    assert out.splitlines()[1].split()[:2] == ["right", "1/2"]
    assert [case["id"] for case in lines(tmp_path / "eval-q-tiny-chat.jsonl")[1:]] == ["q:1", "q:2"]


@pytest.mark.slow
def test_mini_is_asked_with_its_plugins(program: Program, tmp_path: Path) -> None:
    data = write(
        tmp_path / "q.jsonl",
        {"question": "What is 37*89?", "answer": 3293},
        {"question": "Solve 2x + 3 = 11", "answer": 4},
        {"question": "Hi there!", "answer": None},
    )
    done = program("eval", data, "--min", "0.6")
    assert (done.returncode, done.stderr) == (0, "")
    run, *cases = lines(tmp_path / "eval-q-mini.jsonl")
    assert run["model"] == "mini" and {"Calculate", "Solve"} <= set(run["plugins"])
    assert {case["id"] for case in cases} == {"q:1", "q:2", "q:3"}
    assert any(call["text"] == 'Calculate("37*89")' and call["ok"] for case in cases for call in case["calls"])
