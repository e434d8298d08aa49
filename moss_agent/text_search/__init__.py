"""Words and ranking of full-text searches in English and Chinese, shared by documents, history and web search."""
