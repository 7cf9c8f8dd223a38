"""bespokelabs-curator with its openai backend: prompt, answer, check, dataset.

`python benchmarks/peers/curator_arm.py URL ROWS.jsonl` prints one line of JSON; runs in curator's environment, with the
variables that overhead.py sets. Its rate limits are raised beyond reach.
"""

import json
import sys
import time

from bespokelabs import curator
from check import satisfied
from datasets import Dataset

IN_FLIGHT = 64
BEYOND_REACH = 10**9


class Attempt(curator.LLM):
    """One attempt at a task."""

    def prompt(self, input: dict) -> str:
        """Gives the task's prompt."""
        return input["prompt"]

    def parse(self, input: dict, response: str) -> dict:
        """Gives the attempt with its verdict."""
        return {**input, "response": response, "correct": satisfied(response, input["spec"])}


def main(url: str, path: str) -> None:
    """Runs the attempts and prints what they took."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    started, cpu = time.perf_counter(), time.process_time()
    attempt = Attempt(
        model_name="stub",
        backend="openai",
        generation_params={"max_tokens": 512, "temperature": 0.6},
        backend_params={
            "base_url": url,
            "max_requests_per_minute": BEYOND_REACH,
            "max_tokens_per_minute": BEYOND_REACH,
            "max_concurrent_requests": IN_FLIGHT,
        },
    )
    dataset = attempt(Dataset.from_list(rows)).dataset
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    correct = sum(dataset["correct"])
    print(json.dumps({"rows": len(dataset), "correct": correct, "seconds": seconds, "cpu_s": cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
