"""The command `moss-agent`, also as `python -m moss_agent`."""

from __future__ import annotations

import os
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; an interrupt while its modules are imported is an interrupt of the command too."""
    try:
        from moss_agent.cli.program import run
    except KeyboardInterrupt:
        os._exit(130)
    run()


if __name__ == "__main__":
    main()
