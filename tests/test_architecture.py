"""The rooms and what they may import: `cli -> runtime -> chat -> dialects -> protocol, plugin_host -> events`."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "moss_agent"
BASE = {"errors", "events", "resources", "free_memory", "cancellation", "session", "messages", "extras", "http"}
MAY_IMPORT = {
    "errors": set(),
    "events": set(),
    "resources": {"errors"},
    "free_memory": set(),
    "cancellation": {"errors"},
    "extras": {"errors"},
    "session": {"cancellation", "errors"},
    "asynchronous": {"cancellation"},
    "concurrently": set(),
    "worker_process": {"cancellation", "errors"},
    "http": {"http", "cancellation", "errors"},
    "protocol": {"protocol"},
    "plugin_host": {"plugin_host", "worker_process"} | BASE,
    "engine": {"engine"} | BASE,
    "records": {"protocol"} | BASE,
    "conversation": {"protocol", "records"} | BASE,
    "draft": {"protocol", "records"} | BASE,
    "calls": {"protocol", "plugin_host"} | BASE,
    "messages": {"cancellation", "session"},
    "dialects": {"dialects", "calls", "records", "protocol", "plugin_host"} | BASE,
    "turn_lock": BASE,
    "turn_loop": {"calls", "dialects", "draft", "protocol", "records"} | BASE,
    "store": {"errors", "records"},
    "recorder": {"records", "store"} | BASE,
    "chat": {"asynchronous", "calls", "conversation", "dialects", "draft", "records", "turn_lock", "turn_loop"}
    | {"plugin_host", "recorder", "store"}
    | BASE,
    "settings": {"plugin_host"} | BASE,
    "checkpoints": {"checkpoints", "protocol"} | BASE,
    "database": set(),
    "text_search": {"text_search"},
    "documents": {"documents", "database", "text_search", "worker_process"} | BASE,
    "history": {"history", "conversation", "database", "protocol", "records", "store", "text_search"} | BASE,
    "json_records": {"errors", "resources"},
    "training": {"training", "calls", "checkpoints", "conversation", "dialects", "engine", "json_records"}
    | {"plugin_host", "protocol", "records"}
    | BASE,
    "opening": {"opening", "dialects", "engine", "checkpoints", "plugin_host", "protocol", "settings"} | BASE,
    "runtime": {"calls", "chat", "conversation", "dialects", "opening", "plugin_host", "settings"}
    | {"history", "store"}
    | BASE,
    "agent": {"runtime", "conversation"} | BASE,
    "evaluation": {"evaluation", "chat", "concurrently", "conversation", "dialects", "history", "json_records"}
    | {"opening", "plugin_host", "protocol", "records", "settings"}
    | BASE,
}
ALSO = {
    "web_search": {"documents", "text_search", "resources"},
    "text_to_image": {"engine", "free_memory", "resources"},
}  # of the plugins: devices, as the model's


@cache
def imported_names(path: Path) -> set[str]:
    """What a module imports, at its top or inside functions, from outside its own room."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            if node.level:  # stays in its own room
                assert node.level == 1 and path.parent != PACKAGE, path
                continue
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imports(path: Path) -> set[str]:
    """The rooms of moss_agent that a module imports, at its top or inside functions."""
    found = {name.split(".")[1] for name in imported_names(path) if name.startswith("moss_agent.")}
    return {room for room in found if (PACKAGE / room).exists() or (PACKAGE / f"{room}.py").exists()}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_down_only(room):
    paths = [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").exists() else sorted((PACKAGE / room).rglob("*.py"))
    for path in paths:
        assert imports(path) <= MAY_IMPORT[room], f"{path} imports {imports(path) - MAY_IMPORT[room]}"


def test_bundled_plugins_use_the_public_contract_only():
    contract = {"errors", "events", "plugin_host"}
    for path in (ROOT / "plugins").rglob("*.py"):
        assert imports(path) <= contract | ALSO.get(path.parent.name, set()), path


def test_what_ships_imports_neither_examples_nor_tests():
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        tops = {name.partition(".")[0] for name in imported_names(path)}
        assert not tops & {"examples", "tests", "bench"}, path


def test_only_training_and_its_command_import_training():
    command = {*(PACKAGE / "cli").glob("train*.py")}
    for path in {*PACKAGE.rglob("*.py"), *(ROOT / "plugins").rglob("*.py")} - command:
        assert PACKAGE / "training" in path.parents or "training" not in imports(path), path


def test_every_room_has_its_rule():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__", "__main__", "cli"} == set(MAY_IMPORT)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "moss_agent",
        "moss_agent.cli",
        "moss_agent.plugin_host",
        "moss_agent.protocol",
        "moss_agent.documents",
        "moss_agent.history",
        "moss_agent.text_search.ranking",
        "moss_agent.evaluation.subject",
        "moss_agent.training.dataset",
        "moss_agent.training.data",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(module):
    heavy = {"torch", "transformers", "peft", "numpy", "sympy", "httpx2", "requests", "lxml", "rjieba"}
    heavy |= set() if module in ("moss_agent.documents", "moss_agent.history") else {"sqlite3"}
    heavy |= set() if module.startswith("moss_agent.training") else {"moss_agent.training"}
    code = f"import sys, {module}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.slow
def test_the_fast_tests_can_be_collected():
    """tests/conftest.py refuses to if a module of them imports torch."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-m", "not slow"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-1000:]
