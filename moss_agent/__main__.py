"""`python -m moss_agent` is the command `moss-agent`."""

import sys

from moss_agent.cli import main

sys.exit(main())
