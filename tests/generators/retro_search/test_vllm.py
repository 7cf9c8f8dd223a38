"""A real engine bans the keywords and finds the prefixes in its cache."""

import asyncio
import os
from pathlib import Path

import pytest

from generators.retro_search.rollouts import banned_words
from generators.retro_search.search import revise
from generators.retro_search.segment import BLANK, opens_thought
from generators.settings import TRANSITIONS
from generators.teachers import open_teacher
from generators.teachers.settings import VllmSettings
from tests.generators.retro_search.conftest import judge, long_trace, opened, subject

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        "REASONMILL_VLLM_PYTHON" not in os.environ, reason="REASONMILL_VLLM_PYTHON names no Python with vLLM"
    ),
]


def test_a_real_engine_stays_on_the_thought_and_reads_the_prefix_from_its_cache(tmp_path):
    settings = VllmSettings(kind="vllm", model="smollm2-135m-instruct", max_model_len=2048, args=("--enforce-eager",))
    opening = f"Count: {', '.join(map(str, range(150)))}.\n\n"  # many of the engine's cache blocks, which may be large
    given = [long_trace(a, 17) for a in range(2)]
    subjects = [subject(one.task, opening + one.trace.thinking, one.trace.answer) for one in given]

    async def main():
        async with (
            open_teacher("t", settings, Path()) as teacher,
            opened(teacher, tmp_path, max_tokens=48, max_switches=6, redraws=4, rollouts=2) as reviser,
        ):
            return await revise(subjects, reviser, judge)

    revisions = asyncio.run(main())
    rollouts = [t.rollout for r in revisions for point in r.points for t in point.rollouts]
    firsts = [rollout.thinking.split(BLANK)[0] for rollout in rollouts if rollout.completions]
    assert len(firsts) > 10
    for first in firsts:
        assert not opens_thought(first, TRANSITIONS)
        assert not any(word in first for word in banned_words(TRANSITIONS))
    told = sum(r.spent.told_tokens for r in revisions)
    assert told and sum(r.spent.cached_tokens for r in revisions) > told / 2
