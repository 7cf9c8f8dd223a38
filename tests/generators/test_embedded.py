"""The embedded engine's own promises, on a tiny model; what all teachers promise is in test_teacher_contract."""

import asyncio

import pytest

from catalog.errors import UserError
from generators.teachers.decoder import content_hash, load
from generators.teachers.embedded import open_embedded
from generators.teachers.protocol import Request, TerminalError
from generators.teachers.settings import EmbeddedSettings
from tests.tiny_model import save_tiny_model

PROMPTS = ["Let us think", "The sum of two and three is", "x", "Wait, check it again: 12 + 30 = 42, so the"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def decoder(model):
    return load(str(model), 1)[0]


def run(decoder, *requests, batch=64):
    """Gives each request's choices; requests join whenever there is room, as in the teacher."""
    waiting = [row for i, request in enumerate(requests) for row in decoder.rows_of(request, i)]
    done = {i: [] for i in range(len(requests))}
    everything = list(waiting)
    while waiting or decoder.rows:
        room = batch - len(decoder.rows)
        if room and waiting:
            decoder.admit(waiting[:room])
            del waiting[:room]
        decoder.step()
    for row in everything:
        done[row.owner].append(row.continuation.choice())
    return list(done.values())


def ask(model, *requests, batch=4):
    async def main():
        async with open_embedded("t", EmbeddedSettings(kind="embedded", model=str(model), batch=batch)) as teacher:
            return await asyncio.gather(*map(teacher.complete, requests), return_exceptions=True)

    return asyncio.run(main())


def by_hand(decoder, prompt, limit):
    """Gives the greedy text, each token from a full forward pass."""
    import torch

    ids, found = decoder._tokenizer(prompt)["input_ids"], []
    while len(found) < limit and not decoder._ends & set(found):
        with torch.no_grad():
            found.append(int(decoder._model(torch.tensor([ids + found]).to(decoder._device)).logits[0, -1].argmax()))
    return decoder._text(found)


def test_greedy_text_is_what_the_model_gives_without_a_cache(decoder):
    choices = run(decoder, *(Request(p, temperature=0, max_tokens=20) for p in PROMPTS))
    for prompt, (choice,) in zip(PROMPTS, choices, strict=True):
        assert choice.text == by_hand(decoder, prompt, 20)


def test_a_row_does_not_depend_on_its_neighbours_or_on_when_they_come_and_go(decoder):
    requests = [
        Request(prompt, n=n, temperature=1.0, top_p=0.9, max_tokens=limit, seed=i, logprobs=True)
        for i, (prompt, n, limit) in enumerate(zip(PROMPTS * 3, [1, 3, 2] * 4, [5, 90, 17, 40] * 3, strict=True))
    ]
    alone = [run(decoder, request)[0] for request in requests]
    for batch in (64, 5):
        together = run(decoder, *requests, batch=batch)
        for expected, found in zip(alone, together, strict=True):
            assert [c.text for c in found] == [c.text for c in expected]
            assert [c.mean_logprob for c in found] == pytest.approx([c.mean_logprob for c in expected], abs=1e-4)


def test_a_long_run_of_the_batch_keeps_only_the_columns_in_use(decoder):
    requests = [Request(PROMPTS[i % 4], temperature=1.0, max_tokens=10 + i % 40, seed=i) for i in range(60)]
    alone = [run(decoder, request)[0] for request in requests]
    together = run(decoder, *requests, batch=3)
    assert [[c.text for c in row] for row in together] == [[c.text for c in row] for row in alone]
    assert decoder._slots._mask.shape[1] < 600


def test_a_banned_word_of_several_tokens_is_taken_back_and_the_text_goes_on(decoder):
    (row,) = decoder.rows_of(Request("The sum", temperature=0, max_tokens=24), None)
    text = run(decoder, row.continuation.request)[0][0].text
    words = [text[i : i + 5] for i in range(0, 15, 3)]
    assert any(len(decoder._tokenizer(word)["input_ids"]) > 1 for word in words)
    for word in words:
        ((banned, twin),) = run(decoder, Request("The sum", n=2, temperature=0, max_tokens=24, banned=(word,)))
        assert word not in banned.text
        assert banned == twin
        assert banned.finish_reason == "stop" or banned.completion_tokens == 24


def test_a_word_taken_back_leaves_no_trace_in_the_cache(decoder):
    text = run(decoder, Request(PROMPTS[3], temperature=0, max_tokens=24))[0][0].text
    for start in range(0, 12, 4):
        (row,) = decoder.rows_of(
            Request(PROMPTS[3], temperature=0, max_tokens=24, banned=(text[start : start + 4],)), 0
        )
        decoder.admit([row])
        while not row.continuation.finished:
            tokens = list(row.continuation.tokens)
            decoder.step()
        (again,) = decoder.rows_of(row.continuation.request, 0)
        again.prompt = again.prompt + tokens  # the same tokens as a prompt: nothing was ever taken back
        again.continuation._forbidden = {0: row.continuation._forbidden.get(len(tokens), set())}
        decoder.admit([again])
        decoder.step()
        assert again.continuation.tokens[0] == row.continuation.tokens[len(tokens)]


def test_rows_that_take_words_back_leave_their_neighbours_alone(decoder):
    plain = Request(PROMPTS[0], temperature=0, max_tokens=24)
    ((choice,),) = run(decoder, plain)
    word = choice.text[6:12]
    ban = Request(PROMPTS[0], temperature=0, max_tokens=24, banned=(word,))
    ((alone,),) = run(decoder, ban)
    assert [c.text for (c,) in run(decoder, ban, plain, ban)] == [alone.text, choice.text, alone.text]


def test_a_stop_string_across_tokens_cuts_before_its_first_occurrence(decoder):
    ((whole,),) = run(decoder, Request(PROMPTS[1], temperature=0, max_tokens=30))
    stop = whole.text[7:12]
    ((cut,),) = run(decoder, Request(PROMPTS[1], temperature=0, max_tokens=30, stop=("\x00", stop)))
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert (cut.finish_reason, cut.stop_string) == ("stop", stop)


def test_characters_of_several_tokens_come_out_whole(decoder):
    # A random model writes broken bytes; what can be decoded must be what decoding the whole gives.
    for (choice,) in run(decoder, *(Request(p, temperature=1.5, top_p=1, max_tokens=60, seed=3) for p in PROMPTS)):
        assert choice.completion_tokens <= 60
    rows = decoder.rows_of(Request("x", max_tokens=50, temperature=0), None)
    continuation = rows[0].continuation
    text = "naïve → 数学 🙂 ok"
    for token in decoder._tokenizer(text)["input_ids"]:
        continuation.grow(token, 0.0)
    assert continuation.text == text


def test_the_context_bounds_prompt_and_continuation(decoder):
    long = "sum " * 300
    with pytest.raises(TerminalError, match="context is 256"):
        decoder.rows_of(Request(long), None)
    (row,) = decoder.rows_of(Request("x " * 120, max_tokens=10_000), None)
    assert len(row.prompt) + row.continuation.limit == 256


def test_means_of_steps_follow_the_paragraphs(decoder):
    (row,) = decoder.rows_of(Request("x", max_tokens=50, logprobs=True), None)
    for i, token in enumerate(decoder._tokenizer("The sum\n\nis five")["input_ids"]):
        row.continuation.grow(token, -1.0 if "sum" in decoder._text([token]) or i < 2 else -3.0)
    row.continuation.grow(next(iter(decoder._ends)), -3.0)
    choice = row.continuation.choice()
    assert len(choice.step_logprobs) == 2
    assert choice.step_logprobs[1] == -3.0
    assert choice.finish_reason == "stop"


def test_more_choices_than_the_batch_holds_are_answered(model):
    (reply,) = ask(model, Request("Let us", n=11, temperature=1.0, max_tokens=6), batch=4)
    assert len(reply.choices) == 11
    assert len({choice.text for choice in reply.choices}) > 1


def test_a_missing_model_is_the_users_error(tmp_path):
    async def main():
        async with open_embedded("t", EmbeddedSettings(kind="embedded", model=str(tmp_path))):
            pass

    with pytest.raises(UserError, match="cannot be loaded"):
        asyncio.run(main())


def test_the_revision_changes_with_the_weights_alone(model, tmp_path):
    again = save_tiny_model(tmp_path / "again")
    other = save_tiny_model(tmp_path / "other", seed=1)
    assert content_hash(again) == content_hash(model) != content_hash(other)


def test_leaving_while_requests_wait_cancels_them(model):
    async def main():
        settings = EmbeddedSettings(kind="embedded", model=str(model), batch=1)
        async with open_embedded("t", settings) as teacher:
            tasks = [asyncio.create_task(teacher.complete(Request("Let us", max_tokens=200))) for _ in range(5)]
            await asyncio.sleep(0)
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())
    assert any(isinstance(r, asyncio.CancelledError) for r in results)
