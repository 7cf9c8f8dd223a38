"""Retro-Search (arXiv 2504.04383): correct traces made shorter by asking again at each switch of thought.

    from generators.retro_search.revision import Judge, Revision, Subject, SwitchPoint, Tried, Version
    from generators.retro_search.reviser import Reviser, Spent
    from generators.retro_search.rollouts import Rollout
    from generators.retro_search.search import revise, revise_one
    from generators.retro_search.segment import Segmentation, count_steps, opens_thought, segment

    Reviser(sampler: Sampler, settings: ReviseSettings)             whose teacher, journal, seed, meter and slots
    Subject(task: Task, trace: Trace, verdict: Verdict)             what is to be revised
    Judge = (Sequence[Item]) -> Awaitable[Sequence[Judgement]]      how rollouts are judged
    await revise(subjects, reviser, judge) -> list[Revision]        many at once, in order
    Revision: parent, trace | None, reason, cause, ended, points, versions, best, spent, pool
    segment(text, keywords) -> Segmentation(text, steps, thoughts)  joined, the steps are the text

    from generators.retro_search.controls import drop_branch_heavy, random_truncation, shortest_of_n
    from generators.retro_search.pairs import Pair, Tail, pairs
    from generators.retro_search.stats import Shape, Shapes, Spread, shape, shapes, spread

    pairs(revision) -> Iterator[Pair]                               two tails of one prefix, the better and the worse
    await shortest_of_n(subjects, budgets, reviser, judge)          -> list[Control]; so random_truncation
    drop_branch_heavy(traces, keywords, mean_tokens)                -> list[Trace]
    shape(trace, targets, keywords) -> Shape; shapes(...) -> Shapes how traces are built

Nothing is written but the journal: a caller stores `revision.trace`, which its verifier said is correct, and calls
again for what is pending.
"""
