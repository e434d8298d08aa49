from __future__ import annotations

import itertools

import pytest

from examples.mini.conversations import generate
from examples.mini.example import Example


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    return list(itertools.islice(generate(0), 3000))
