"""Ask one model from several threads, in a conversation each: python examples/many_chats.py"""

from concurrent.futures import ThreadPoolExecutor

from moss_agent import Reply, Runtime

QUESTIONS = ["What is 37*89?", "Solve x + 7 = 12.", "帮我算一下 125×8"]


def ask(question: str) -> Reply:
    return runtime.chat().ask(question)


with Runtime.open("mini", plugins=["calculator", "equation_solver"]) as runtime, ThreadPoolExecutor() as threads:
    for question, reply in zip(QUESTIONS, threads.map(ask, QUESTIONS), strict=True):
        print(f"> {question}\n{reply.text}")
        print(f"  {reply.usage.prefilled_tokens} tokens were read: the preamble by one of them")
