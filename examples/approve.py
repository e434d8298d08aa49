"""Decide what the calculator may compute: python examples/approve.py"""

from moss_agent import Approval, Runtime
from moss_agent.events import ApprovalRequested


def decide(request: ApprovalRequested) -> Approval:
    """Run products only; a program would ask a person here."""
    given = [*request.arguments, *request.named.values()]
    print(f"  {request.name}{tuple(given)}: ", end="")
    allowed = all("*" in str(value) for value in given)
    print("approved" if allowed else "refused")
    return Approval(allowed, reason="" if allowed else "products only")


with Runtime.open("mini", plugins=["calculator"], approval={"calculator": "ask"}) as runtime:
    for question in ("What is 37*89?", "What is 12+30?"):
        print(f"> {question}")
        print(runtime.chat(on_approval=decide).ask(question).text)
