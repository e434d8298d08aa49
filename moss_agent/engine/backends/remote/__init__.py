"""Models that another program serves, over the completions and the chat API that OpenAI defined and most servers speak.

Needs no torch: `connect` finds out what kind of server it is, `RemoteSession` is a session on it for models that write
plain text, `RemoteChatSession` for models that write messages and call tools.
"""
