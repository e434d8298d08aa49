"""What the metadata of the installed package lists under an extra, and what follows for plugins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # files of plugins are imported in processes of their own first

ROOT = Path(__file__).parents[1]
METADATA = """\
Metadata-Version: 2.4
Name: moss-agent
Version: 1
Requires-Dist: numpy
Requires-Dist: no-such-package>=2; extra == 'search'
Requires-Dist: no-such-other[more]<3; (python_version > '3') and extra == 'search'
Requires-Dist: numpy>=2.0; extra == 'images'
"""
PLUGIN = """
from moss_agent import plugin

@plugin("{name}", label="{name}", extra="{extra}")
def find(query: str) -> str:
    return query
"""


def python(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    """Runs code where these folders come first on the path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*paths, ROOT]))}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder in which this package counts as installed without the packages of `search`."""
    info = tmp_path / "site" / "moss_agent-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA)
    return info.parent


def test_missing_are_the_packages_of_the_extra_that_are_not_there(installed):
    code = "from moss_agent.extras import missing; print(*map(missing, ['search', 'images', 'unknown', '']))"
    assert python(code, installed).stdout == "('no-such-package', 'no-such-other') () () ()\n"


def test_a_plugin_without_its_extra_is_enabled_by_nobody(installed, tmp_path):
    (tmp_path / "finder.py").write_text(PLUGIN.format(name="Find", extra="search"))
    (tmp_path / "drawer.py").write_text(PLUGIN.format(name="Found", extra="images"))
    code = f"""
from pathlib import Path
from moss_agent.errors import MissingDependency
from moss_agent.plugin_host import discover
catalog = discover([Path({str(tmp_path)!r})])
print(sorted(catalog), sorted(plugin.name for plugin in catalog.enabled()))
for name in "finder", "Find", catalog["Find"]:
    try:
        catalog.enabled([name])
    except MissingDependency as error:
        print(error)
"""
    done = python(code, installed)
    assert done.stdout.splitlines() == [
        "['Calculate', 'Find', 'Found', 'Search', 'Solve', 'Text2Image'] ['Calculate', 'Found', 'Solve', 'Text2Image']",
        *["no-such-package is not installed: pip install 'moss-agent[search]'"] * 3,
    ], done.stderr


def test_a_plugin_without_its_extra_takes_no_name_from_another(installed, tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN.format(name="Search", extra=""))
    code = f"""
from pathlib import Path
from moss_agent.plugin_host import discover
catalog = discover([Path({str(tmp_path)!r})])
for chosen in catalog.enabled(), catalog.enabled(["Search"]):
    print([plugin.key for plugin in chosen if plugin.name == "Search"])
print([plugin.key for plugin in catalog.left_out])
"""
    done = python(code, installed)
    assert (done.stdout, done.stderr) == ("['mine']\n['mine']\n['web_search']\n", "")
