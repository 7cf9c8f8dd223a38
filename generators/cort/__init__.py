"""CoRT: traces that use a code interpreter, with hints in the right places (arXiv 2506.09820).

What other floors use:

- `interpreter.open_interpreter(level)`: the sandbox for all traces; UserError where the machine is below the level.
- `asking.Kit`: what the stage holds open (teacher, settings, journal, meter, slots, interpreter).
- `loop.Start`, `loop.continue_all(starts, kit)`: traces through the interpreter loop, each a `Continued`, a `Reject`
  or the sentence that says why it is still owed.
- `traces.hinted(continued, thinking, parent)`: a `Hinted`: the `Trace` (origin "cort"), its `ToolCall`s and `Hint`s.
- `calls.calls_json`: tool calls as JSON text.
- `search.search(task, parent, correct, kit, verify)`: the best trace that hints make of one, as a `Search`;
  `search.prompt(task, kit, verify)`: traces asked for code from the start, as `Prompted`. `verify` judges
  `verifiers.judge.Item`s: a coroutine function from outside. Both carry their controls where the settings ask for them.
- `counts.counts(searches, prompted)`: what they did, for report and card.
- `rft.rft(traces, a_level)`: which of them make training data, with a reject for each of the others.
- `reward.reward(verdict, calls)`: R = R_answer + 0.1 R_code, None where the verdict decides nothing.
- `detect.positions(thinking, outputs)`: where a hint would help, best first.
- `recorded.recorded_calls(text)`: calls of traces that hold programs and outputs (ToRA's); `recorded.replay` runs them.
- `mask.tokens_and_mask(tokenizer, text, spans)`: which tokens a trainer learns.
"""
