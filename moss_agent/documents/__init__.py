"""Private document collections: folders of text, Markdown, HTML, PDF and Word files, indexed to be searched."""

from moss_agent.documents.contents import FolderStatus
from moss_agent.documents.index import DocumentIndex, default_path
from moss_agent.documents.ranking import Found
from moss_agent.documents.update import Progress, Report

__all__ = ["DocumentIndex", "FolderStatus", "Found", "Progress", "Report", "default_path"]
