"""Conversations that last: every turn in one SQLite database, searched, exported and imported."""

from moss_agent.history.file import history_file
from moss_agent.history.history import History
from moss_agent.history.search import Match

__all__ = ["History", "Match", "history_file"]
