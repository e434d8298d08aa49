"""A rule written into the settings file: it holds, and nothing else changes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from moss_agent.cli.rules import write_rule
from moss_agent.errors import UsageError

FILES = {
    "": '[approval]\n"post" = "allow"\n',
    'model = "mini"\n': 'model = "mini"\n\n[approval]\n"post" = "allow"\n',
    '[approval]\npost = "ask"  # mine\nnetwork = "ask"\n[plugins.a]\nb = 1\n': (
        '[approval]\n"post" = "allow"\nnetwork = "ask"\n[plugins.a]\nb = 1\n'
    ),
    "# comment\n[approval]  # rules": '# comment\n[approval]  # rules\n"post" = "allow"\n',
}


@pytest.mark.parametrize("before", FILES)
def test_the_rule_is_written_and_the_rest_stays(tmp_path: Path, before: str) -> None:
    path = tmp_path / "a" / "settings.toml"
    if before:
        path.parent.mkdir()
        path.write_text(before)
    write_rule(path, "post")
    assert path.read_text() == FILES[before]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ['approval = {network = "ask"}\n', "approval.network = 1\n", "x = ", "approval = 1\n"])
def test_a_file_that_cannot_be_changed_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match='write post = "allow" under'):
        write_rule(path, "post")
    assert path.read_text() == text


def test_a_link_to_the_settings_stays_one(tmp_path: Path) -> None:
    path, kept = tmp_path / "settings.toml", tmp_path / "kept" / "mine.toml"
    kept.parent.mkdir()
    kept.write_text('model = "mini"\n')
    try:
        path.symlink_to(kept)
    except OSError:
        pytest.skip("no symbolic links here")
    write_rule(path, "post")
    assert path.is_symlink()
    assert kept.read_text() == FILES['model = "mini"\n']
