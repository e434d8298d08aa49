"""`python -m moss_agent` is the command `moss-agent`."""

from moss_agent.cli.program import run

run()
