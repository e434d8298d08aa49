"""Watch a turn happen, from asyncio: python examples/stream.py"""

import asyncio

from moss_agent import Agent
from moss_agent.events import CallStarted, Reply, Text


async def main() -> None:
    agent = Agent.from_pretrained("mini", plugins=["equation_solver"])
    async for event in agent.astream("一个数的3倍加5等于20，求这个数。"):
        if isinstance(event, CallStarted):
            print(f"[{event.name} is running: {event.argument}]")
        elif isinstance(event, Text):
            print(event.text, end="", flush=True)
        elif isinstance(event, Reply):
            print(f"\n[{event.seconds:.1f} s]")
    agent.close()


asyncio.run(main())
