"""Models that another program serves, over the completions API that OpenAI defined and most servers speak.

Needs no torch: `connect` finds out what kind of server it is, `RemoteSession` is a session on it.
"""
