"""What HTTP itself costs: an aiohttp client, 64 requests in flight, each answer read as JSON and forgotten.

`python benchmarks/peers/bare.py URL PROMPTS.jsonl N` prints one line of JSON with rows, seconds and CPU seconds.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator

import aiohttp

IN_FLIGHT = 64


async def run(url: str, prompts: list[str], n: int) -> dict[str, float]:
    """Asks for n answers to each prompt."""
    rows = 0

    async def worker(left: Iterator[tuple[int, str]], session: aiohttp.ClientSession) -> None:
        nonlocal rows
        for seed, prompt in left:
            body = {"model": "stub", "prompt": prompt, "n": n, "max_tokens": 512, "temperature": 0.6, "seed": seed}
            async with session.post(f"{url}/completions", json=body) as response:
                rows += len((await response.json())["choices"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:
        started, cpu = time.perf_counter(), time.process_time()
        left = enumerate(prompts)
        await asyncio.gather(*[worker(left, session) for _ in range(IN_FLIGHT)])
        return {"rows": rows, "seconds": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}


if __name__ == "__main__":
    url, path, n = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        prompts = [json.loads(line)["prompt"] for line in file]
    print(json.dumps(asyncio.run(run(url, prompts, int(n)))))
