"""Tasks without a reference get one by vote; references that a majority contradicts are flagged; odd input is told."""

import json
from pathlib import Path

import pytest

from tests.flows.conftest import reasonmill


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def told(*arguments: str | Path) -> str:
    done = reasonmill("verify", *arguments)
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    assert done.err.startswith("reasonmill: ") and len(done.err.strip().splitlines()) == 1
    return done.err


def responses(problem: str, *answers: str, **more: object) -> list[dict]:
    return [{"problem": problem, "response": f"\\boxed{{{answer}}}", **more} for answer in answers]


FILE = [
    *responses("What is 2 + 2?", "4", "4.0", "5"),
    *responses("what is  2+2", "8/2"),
    *responses("Half?", "1", "2"),
    *responses("Scattered?", "1", "1", "2", "3", "4"),
    *responses("Alone?", "7"),
    {"problem": "Silent?", "response": "I do not know"},
    *responses("Known?", "6", "6", reference="7"),
    {"problem": "A program?", "response": "print(1)", "verifier": "code", "spec": {}},
    *responses("Which?", "B", "(B)", "A", verifier="choice"),
]


def test_a_file_gets_references_by_vote_and_says_of_each_row_whether_it_agrees(tmp_path) -> None:
    file, out = write(tmp_path / "in.jsonl", FILE), tmp_path / "out.jsonl"
    done = reasonmill("verify", file, "--consensus", "-o", out, "--json")
    assert done.code == 0, done.err
    assert done.json["rows"] == len(FILE)
    assert done.json["tasks"] == {
        "consensus": 2, "tie": 1, "weak": 1, "one answer alone": 1, "no answer": 1, "given": 1
    }  # fmt: skip
    assert done.json["responses"] == {"agree": 10, "disagree": 5, "without": 4}
    rows = read(out)
    assert [{name: row[name] for name in given} for row, given in zip(rows, FILE, strict=True)] == FILE
    four = [row for row in rows if "2" in row["problem"]]
    assert [(row["reference"], row["reference_source"]) for row in four] == [("4", "consensus")] * 4
    assert [row["agrees"] for row in four] == [True, True, False, True]
    assert {(row["share"], row["entropy"], row["votes"], row["abstained"]) for row in four} == {(0.75, 0.811278, 4, 0)}
    by_problem = {row["problem"]: row for row in rows}
    for name in ("Half?", "Scattered?", "Alone?", "Silent?", "A program?"):
        assert (by_problem[name]["reference"], by_problem[name]["reference_source"]) == (None, None), name
    assert by_problem["Scattered?"]["winner"] == "1" and by_problem["Half?"]["winner"] is None
    known = by_problem["Known?"]
    assert (known["reference"], known["reference_source"], known["winner"]) == ("7", "given", "6")
    assert by_problem["Which?"]["reference"] == "B"


def test_the_least_share_and_the_teachers_weights_decide(tmp_path) -> None:
    rows = [{"task_id": "q", "response": f"\\boxed{{{a}}}", "teacher": t} for a, t in ("1s", "1s", "2l", "3l")]
    file, out = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"

    def outcome(*options: str) -> tuple[dict, str | None]:
        done = reasonmill("verify", file, "--consensus", "-o", out, "--json", *options)
        assert done.code == 0, done.err
        return done.json["tasks"], read(out)[0]["reference"]

    assert outcome() == ({"consensus": 1}, "1")
    assert outcome("--min-share", "0.6") == ({"weak": 1}, None)
    assert outcome("--min-share", "0.6", "--weight", "s=2") == ({"consensus": 1}, "1")
    assert outcome("--weight", "l=2") == ({"tie": 1}, None)
    assert outcome("--weight", "l=3") == ({"tie": 1}, None)
    write(file, [row | {"weight": weight} for row, weight in zip(rows, (0.5, 0.5, 4, 1), strict=True)])
    assert outcome() == ({"one answer alone": 1}, None)


def test_columns_may_be_named_otherwise_and_parquet_is_read_and_written(tmp_path) -> None:
    rows = [{"q": "1+1", "text": f"\\boxed{{{n}}}", "gold": None, "who": "a", "w": 1.5} for n in (2, 2, 3)]
    file, middle, out = write(tmp_path / "in.jsonl", rows), tmp_path / "middle.parquet", tmp_path / "out.jsonl"
    names = [f"--column={pair}" for pair in ("problem=q", "response=text", "reference=gold", "teacher=who", "weight=w")]
    assert reasonmill("verify", file, "--consensus", "-o", middle, *names).code == 0
    again = [*names, "--column=reference=second"]
    assert reasonmill("verify", middle, "--consensus", "-o", out, *again).code == 0
    for row in read(out):
        assert row["gold"] == row["second"] == "2"
        assert "reference" not in row


def test_what_a_vote_gave_is_what_the_verifier_calls_correct(tmp_path) -> None:
    file, voted, out = write(tmp_path / "in.jsonl", FILE[:4]), tmp_path / "voted.jsonl", tmp_path / "out.jsonl"
    assert reasonmill("verify", file, "--consensus", "-o", voted).code == 0
    assert reasonmill("verify", voted, "-o", out, "--verifier", "math").code == 0
    assert [(row["verdict"] == "correct") == row["agrees"] for row in read(out)] == [True] * 4


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        ([], [], "has no rows"),
        ([{"problem": "p", "answer": "1"}], [], "no column 'response'"),
        ([{"problem": "p", "respons": "1"}], [], "did you mean 'respons'"),
        ([{"response": "1"}], [], "row 1 names no task"),
        ([{"response": "1", "problem": " ", "task_id": None}], [], "row 1 names no task"),
        ([{"response": "1", "id": 1, "verifier": "mth"}], [], "did you mean 'math'"),
        ([{"response": "1", "id": 1, "verifier": 7}], [], "no name of a verifier"),
        ([{"response": "1", "id": 1, "weight": -1}], [], "row 1: the weight '-1'"),
        ([{"response": "1", "id": 1, "weight": "heavy"}], [], "the weight 'heavy'"),
        ([{"response": "1", "id": 1, "weight": True}], [], "the weight 'True'"),
        ([{"response": "1", "id": 1, "weight": float("nan")}], [], "the weight 'nan'"),
        ([{"response": "1", "id": 1, "teacher": "large"}], ["--weight", "larg=2"], "did you mean 'large'"),
        ([{"response": "1", "id": 1}], ["--weight", "2"], "is not TEACHER=NUMBER"),
        ([{"response": "1", "id": 1}], ["--weight", "a=much"], "the weight 'much'"),
        ([{"response": "1", "id": 1}], ["--verifier", "code"], "not voted on"),
        ([{"response": "1", "id": 1}], ["--column", "teachr=t"], "did you mean teacher="),
    ],
)
def test_input_that_cannot_be_voted_on_is_told_in_one_sentence(rows, options, says, tmp_path) -> None:
    file = write(tmp_path / "in.jsonl", rows)
    assert says in told(file, "--consensus", "-o", tmp_path / "out.jsonl", *options)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_vote_needs_a_file_and_a_place_for_its_rows(tmp_path) -> None:
    assert "needs a FILE of responses and -o OUT" in told("--consensus")
    assert "There is no file" in told(tmp_path / "none.jsonl", "--consensus", "-o", tmp_path / "out.jsonl")


def test_odd_responses_abstain(tmp_path) -> None:
    odd = [None, 7.5, ["x"], "\x00" * 1_000_000, "\\boxed{" * 100_000, "\ud800", "\\boxed{10^{10^{10}}", ""]
    file = write(tmp_path / "in.jsonl", [{"id": "q", "response": text} for text in [*odd, "\\boxed{1}", "\\boxed{1}"]])
    done = reasonmill("verify", file, "--consensus", "-o", tmp_path / "out.jsonl", "--json", "--min-share", "0.2")
    assert done.code == 0, done.err
    assert done.json["tasks"] == {"consensus": 1}
    assert read(tmp_path / "out.jsonl")[0]["abstained"] >= 6


def test_references_that_a_confident_majority_contradicts_are_flagged(tmp_path) -> None:
    rows = [
        *responses("Wrong key?", "4", "4.0", "8/2", "5", reference="5"),
        *responses("Right key?", "4", "4", "4", "5", reference="\\frac{8}{2}"),
        *responses("Not confident?", "4", "4", "4", "5", "5", reference="5"),
        *responses("Too few?", "4", "4", reference="5"),
        *responses("Which?", "B", "B", "(B)", reference="A", verifier="choice"),
        {"problem": "No response?", "reference": "5"},
    ]
    file, out = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    done = reasonmill("verify", file, "--references", "-o", out, "--json")
    assert done.code == 0, done.err
    assert done.json["flags"] == {"majority": 7}
    flagged = read(out)
    assert {row["problem"] for row in flagged if row["flags"] == ["majority"]} == {"Wrong key?", "Which?"}
    assert flagged[0]["flag_detail"] == "3 of the problem's 4 responses answer '4'"
    done = reasonmill("verify", file, "--references", "-o", out, "--json", "--min-share", "0.6")
    assert done.json["flags"] == {"majority": 12}
