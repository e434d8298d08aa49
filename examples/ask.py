"""Ask the mini model two questions of one conversation: python examples/ask.py"""

from moss_agent import Agent

agent = Agent.from_pretrained("mini", plugins=["calculator", "equation_solver"])
for question in ("What is 37*89?", "And half of it?"):
    reply = agent.ask(question)
    print(f"> {question}\n{reply.text}")
    for call in reply.calls:
        print(f"  {call.name}({call.argument!r}) gave {call.result!r} in {call.seconds:.2f} s")
    print(f"  {reply.usage.cached_tokens} tokens were still known, {reply.usage.prefilled_tokens} were new")
agent.close()
