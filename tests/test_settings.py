"""Settings from file, environment and flags, each above the one before; mistakes are named."""

from __future__ import annotations

import pytest

from moss_agent.errors import UsageError
from moss_agent.settings import Settings, load_settings


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "settings.toml"
    path.write_text("")
    monkeypatch.setenv("MOSS_AGENT_SETTINGS", str(path))
    for name in ("MODEL", "DEVICE", "DTYPE", "SERVER"):
        monkeypatch.delenv(f"MOSS_AGENT_{name}", raising=False)
    return path


def test_flags_come_before_environment_before_file_before_defaults(file, monkeypatch):
    file.write_text('model = "from-file"\ndevice = "cpu"\ndtype = "fp32"\n')
    monkeypatch.setenv("MOSS_AGENT_DEVICE", "mps")
    monkeypatch.setenv("MOSS_AGENT_DTYPE", "bf16")
    monkeypatch.setenv("MOSS_AGENT_SERVER", "http://localhost:8000")
    settings = load_settings({"dtype": "fp16", "seed": None})
    assert (settings.model, settings.device, settings.dtype, settings.seed) == ("from-file", "mps", "fp16", None)
    assert settings.server == "http://localhost:8000"


def test_a_model_that_is_named_above_a_server_is_used(file, monkeypatch):
    file.write_text('server = "http://localhost:8000"\nserver_model = "qwen3"\n')
    assert load_settings().server_model == "qwen3"
    assert load_settings({"server_model": "qwen4"}).server == "http://localhost:8000"
    settings = load_settings({"model": "mini"})
    assert (settings.model, settings.server, settings.server_model) == ("mini", "", "")
    monkeypatch.setenv("MOSS_AGENT_MODEL", "moss")
    assert (load_settings().model, load_settings().server) == ("moss", "")
    assert load_settings({"server": "http://localhost:9"}).server == "http://localhost:9"


def test_a_model_beside_a_server_is_refused(file):
    with pytest.raises(UsageError, match="name the server's with --server-model"):
        load_settings({"server": "http://localhost:8000", "model": "mini"})


def test_a_model_of_a_server_without_a_server_is_refused(file):
    with pytest.raises(UsageError, match="--server-model names a model of a server: add --server URL"):
        load_settings({"server_model": "qwen3"})


def test_plugins_are_enabled_and_set_up_in_one_table(file):
    file.write_text('[plugins]\nenabled = ["calculator"]\n[plugins.web_search]\nregion = "cn-zh"\n')
    settings = load_settings()
    assert settings.plugins == ("calculator",)
    assert settings.plugin_settings == {"web_search": {"region": "cn-zh"}}
    assert load_settings({"plugins": ("web_search",)}).plugins == ("web_search",)


def test_approval_is_a_table_of_decisions(file):
    file.write_text('[approval]\nnetwork = "ask"\nsend_mail = "deny"\n')
    assert load_settings().approval == {"network": "ask", "send_mail": "deny"}


def test_memory_limits_are_a_table(file):
    file.write_text('max_memory = {0 = "22GB", cpu = "40GB"}\n')
    assert load_settings().max_memory == {"0": "22GB", "cpu": "40GB"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modell = 'x'", "no setting 'modell'; there are: model, "),
        ("seed = 'x'", "setting seed must be a whole number, not 'x'"),
        ("seed = true", "setting seed must be a whole number"),
        ("log = 1", "setting log must be true or false, not 1"),
        ("plugins = 'calculator'", "setting plugins must be a list of names"),
        ("[plugins]\nenabled = 'calculator'", r"setting \[plugins\] enabled must be a list of names, not 'calculator'"),
        ("[plugins]\nenabled = [['calculator']]", r"setting \[plugins\] enabled must be a list of names"),
        ("plugin_dirs = [1]", r"setting plugin_dirs must be a list of texts, not \[1\]"),
        ("max_memory = {cpu = 40}", "setting max_memory must be a table of texts"),
        ("[plugins]\nweb_search = 3", "must be a table"),
        ("context_length = 3", "at least 256"),
        ("server_timeout = 0", "above 0 and at most"),
        ("server_timeout = inf", "above 0 and at most"),
        ("server_timeout = nan", "above 0 and at most"),
        ("seed = 9223372036854775808", "64 bits"),
        ("tp = 0", "tp must be 1 or more"),
        ("max_memory = 3", "setting max_memory must be"),
        ("approval = 'ask'", "setting approval must be"),
        ("[approval]\nnetwork = 'perhaps'", r"\[approval\] network = 'perhaps' must be one of 'allow', 'ask', 'deny'"),
        ("this is no toml", "Expected|expected"),
    ],
)
def test_mistakes_in_the_file_are_named(file, text, message):
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_settings()


def test_a_named_file_has_to_exist(file):
    file.unlink()
    with pytest.raises(UsageError, match="no settings file"):
        load_settings()


def test_what_is_not_set_is_left_to_the_family():
    defaults = {"temperature": 0.7, "top_k": 40}
    assert Settings(temperature=0.0).sampling(defaults) == {"temperature": 0.0, "top_k": 40}
