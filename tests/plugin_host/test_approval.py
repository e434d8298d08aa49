"""The rules of the settings decide which calls run, are asked about, or are denied."""

from __future__ import annotations

import pytest

from moss_agent.errors import PluginError, UsageError
from moss_agent.plugin_host import Plugin, PluginRunner, Policy, discover, plugin


def make(approval: str = "never", *effects: str) -> Plugin:
    @plugin("Send", label="Send", key="send", effects=effects, approval=approval)
    def send(text: str) -> str:
        return text

    return send


BOTH = ("network", "files")


@pytest.mark.parametrize(
    ("approval", "effects", "rules", "decision"),
    [
        ("never", BOTH, {}, "allow"),
        ("ask", (), {}, "ask"),
        ("always", BOTH, {}, "ask"),
        ("never", BOTH, {"files": "ask"}, "ask"),
        ("never", BOTH, {"files": "ask", "network": "deny"}, "deny"),
        ("never", BOTH, {"files": "deny", "send": "allow"}, "allow"),
        ("never", (), {"files": "deny"}, "allow"),
        ("never", (), {"send": "ask"}, "ask"),
        ("never", BOTH, {"send": "deny", "files": "allow"}, "deny"),
        ("ask", ("network",), {"network": "allow"}, "allow"),
        ("ask", BOTH, {"network": "allow"}, "ask"),
        ("always", ("network",), {"network": "allow"}, "ask"),
        ("always", ("network",), {"network": "deny"}, "deny"),
        ("always", ("network",), {"send": "allow"}, "allow"),
    ],
)
def test_the_most_specific_rule_decides_and_of_effects_the_strictest(approval, effects, rules, decision):
    assert Policy(rules).decide(make(approval, *effects)) == decision


def test_bundled_plugins_say_what_they_touch_and_are_allowed():
    bundled = {plugin.key: plugin for plugin in discover().values()}
    touched = {key: set(plugin.effects) for key, plugin in bundled.items()}
    assert touched == {
        "web_search": {"network"},
        "text_to_image": {"files"},
        "calculator": set(),
        "equation_solver": set(),
    }
    assert {Policy().decide(plugin) for plugin in bundled.values()} == {"allow"}


@pytest.mark.parametrize("decision", ["yes", "Allow", True, ["allow"], None, {}])
def test_what_is_no_decision_is_refused(decision):
    with pytest.raises(UsageError, match=r"^\[approval\] send = .* must be one of 'allow', 'ask', 'deny'$"):
        Policy({"send": decision})


def test_rules_for_nothing_are_refused():
    Policy({"send": "ask", "network": "ask"}).check_names({"send"})
    with pytest.raises(UsageError, match="'sent', which is no plugin or effect; there are: files, network, send"):
        Policy({"sent": "ask"}).check_names({"send"})


def test_calls_that_are_not_allowed_do_not_run():
    called = []

    @plugin("Send", label="Send", key="send", effects={"network"}, approval="ask")
    def send(text: str) -> str:
        called.append(text)
        return text

    with pytest.raises(PluginError, match='Send needs approval, and nobody gave it: send = "allow" under'):
        PluginRunner([send], policy=Policy()).run("Send", ["x"])
    with pytest.raises(PluginError, match="Send is denied by the settings"):
        PluginRunner([send], policy=Policy({"network": "deny"})).run("Send", ["x"], approved=True)
    calls = PluginRunner([send], policy=Policy()).turn()
    calls.start(0, "Send", ["x"])
    (outcome,) = calls.finished(wait=True)
    assert "needs approval" in outcome.error and not called
    assert PluginRunner([send], policy=Policy()).run("Send", ["x"], approved=True) == "x"
    assert PluginRunner([send], policy=Policy({"network": "allow"})).run("Send", ["x"]) == "x"
    assert PluginRunner([send]).run("Send", ["x"]) == "x"
