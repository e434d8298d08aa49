"""The recorded search queries of MOSS, where they lie beside the checkout or where MOSS_AGENT_CORPUS points.

They are for evaluation only and are never copied into the project.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from moss_agent.documents import DocumentIndex

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("MOSS_AGENT_CORPUS") or ROOT.parent / "shared" / "corpus") / "open.jsonl"


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not there")
def test_recorded_queries_over_a_collection(tmp_path: Path, index: DocumentIndex) -> None:
    with open(CORPUS, encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["tool"] == "Search"]
    assert len(rows) > 300
    for number, row in enumerate(rows):
        text = "\n\n".join(hit for _, hit in row["recorded_result"] or [])
        (tmp_path / f"{number}.txt").write_text(text, encoding="utf-8")
    assert index.update(tmp_path).failed == {}
    for row in rows:
        found = index.search(row["argument"], limit=3)
        assert found, row["argument"]
        assert len(found) <= 3
        assert all(0 < len(passage.text) <= 400 for passage in found)
