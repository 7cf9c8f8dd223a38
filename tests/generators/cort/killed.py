"""A process to be killed: `python -m tests.generators.cort.killed URL STORE TRACES` prints texts as JSON."""

import asyncio
import json
import sys
from pathlib import Path

from generators.cort.loop import Continued, continue_all
from tests.generators.cort.traces import open_kit, start


async def main(url: str, store: Path, traces: int) -> None:
    async with open_kit(url, store) as kit:
        done = await continue_all([start(prompt=f"{i}: What is 6 * 7?") for i in range(traces)], kit)
    print(json.dumps([one.text if isinstance(one, Continued) else None for one in done]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
