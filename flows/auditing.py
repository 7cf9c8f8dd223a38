"""Verifiers audited: the option `verify --audit`, and the gate that a build passes before it exports."""

import heapq
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from catalog.errors import AuditFailed, UserError
from catalog.ids import seed_for
from catalog.manifest import Manifest
from catalog.records import Task
from catalog.store import Build
from flows.loading import Resolved, load
from flows.rows import read_rows
from verifiers.audit import Line, Report, bundled
from verifiers.audit import audit as run_audit
from verifiers.audit.probe import Case
from verifiers.judge import VERIFIERS, check_name
from verifiers.pool import Pool

MOST_CASES = 200
"""Tasks of a file or a recipe that `verify --audit` takes, the first ones."""

MOST_PARTS = 16
"""Shards of a build that are looked at, spread evenly over it."""


def audit(
    verifier: str,
    file: str | None,
    recipe: str | None,
    max_false_accept: float,
    max_false_reject: float,
    deadline_s: float,
    sandbox: str,
    as_json: bool,
) -> None:
    """Prints what a verifier makes of mutants, paraphrases and junk. Raises AuditFailed where a limit is passed."""
    check_name(verifier)
    if file is not None and recipe is not None:
        raise UserError("--audit takes the tasks of FILE or of --recipe, not of both: leave one out.")
    found: Iterable[Case] = bundled.cases(verifier)
    if file is not None:
        found = (_case_of_row(row, verifier) for row in read_rows(file) if row.get("verifier", verifier) == verifier)
    elif recipe is not None:
        found = _cases_of_recipe(recipe, verifier)
    cases = list(islice(found, MOST_CASES))
    if not cases:
        place = file or recipe or "the package"
        raise UserError(f"{place} has no task for the verifier {verifier!r}: give a FILE of tasks that name it.")
    with Pool(deadline_s=deadline_s, sandbox=sandbox) as pool:
        report = run_audit(cases, pool.judge_many)
    if as_json:
        print(json.dumps({"verifier": verifier, **report.as_dict()}, ensure_ascii=False))
    else:
        _print(report)
    if told := report.exceeds(max_false_accept, max_false_reject):
        raise AuditFailed(f"The verifier {verifier!r} fails its audit: {told}.")


def audit_build(resolved: Resolved, build: Build, manifest: Manifest) -> None:
    """Audits the verifiers of a build's tasks and writes what came of it into the manifest.

    An audit that stands in the manifest, of the same verifiers and sample, is not repeated. Raises AuditFailed where a
    limit of the recipe is passed.
    """
    verify = resolved.recipe.verify
    settings = verify.audit
    if settings.sample == 0:
        return
    by_verifier = _sampled(build, settings.sample)
    made_of = {"sample": settings.sample, "versions": {name: VERIFIERS[name].VERSION for name in sorted(by_verifier)}}
    if manifest.audit.get("of") != made_of:
        cases = [_case_of_task(task) for name in sorted(by_verifier) for task in by_verifier[name]]
        with Pool(deadline_s=verify.deadline_s, sandbox=verify.sandbox) as pool:
            report = run_audit(cases, pool.judge_many, seed_for(resolved.recipe.seed, "audit", 0), heavy=False)
        manifest.audit = {"of": made_of, **report.as_dict()}
    held = Report(manifest.audit["cases"], tuple(Line(**line) for line in manifest.audit["lines"]))
    limits = {"max_false_accept": settings.max_false_accept, "max_false_reject": settings.max_false_reject}
    manifest.audit["limits"] = limits
    build.write_manifest(manifest)
    if told := held.exceeds(**limits):
        raise AuditFailed(
            f"{build.name}@{build.version} is not exported, for a verifier fails its audit: {told}. All rows stay in "
            "the store; mend the tasks' references or specs, or raise the limit in [verify.audit], and run it again."
        )


def _sampled(build: Build, sample: int) -> dict[str, list[Task]]:
    """Gives per verifier the tasks of lowest id, ids being hashes, from a few shards spread over the build."""
    parts = list(build.parts("tasks"))
    chosen = parts[:: max(1, -(-len(parts) // MOST_PARTS))]
    found: dict[str, list[Task]] = {}
    for part in chosen:
        for task in build.read("tasks", part):
            if task.verifier in VERIFIERS:
                found.setdefault(task.verifier, []).append(task)
        found = {name: heapq.nsmallest(sample, tasks, key=lambda task: task.task_id) for name, tasks in found.items()}
    return found


def _cases_of_recipe(recipe: str, verifier: str) -> Iterator[Case]:
    from flows.driver import distinct_tasks

    for row in distinct_tasks(load(recipe)):
        if isinstance(row, Task) and row.verifier == verifier:
            yield _case_of_task(row)


def _case_of_task(task: Task) -> Case:
    return Case(task.verifier, task.prompt, task.reference, _spec(task.spec))


def _case_of_row(row: dict[str, Any], verifier: str) -> Case:
    prompt = row.get("prompt") or row.get("problem") or row.get("question")
    reference = row.get("reference")
    return Case(
        verifier,
        prompt if isinstance(prompt, str) else "",
        "" if reference is None else str(reference),
        _spec(row.get("spec")),
    )


def _spec(given: Any) -> dict[str, Any]:
    try:
        spec = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        spec = None
    return spec if isinstance(spec, dict) else {}


def _print(report: Report) -> None:
    """Prints a line a kind of probe, the faulty ones with an example."""
    heads = ("verifier", "probes", "kind", "tried", "faults", "without a verdict")
    rows = [
        (line.verifier, line.family, line.kind, f"{line.tried:,}", f"{line.faults:,}", f"{line.unjudged:,}")
        for line in report.lines
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row, example in zip([heads, *rows], ["", *(line.example for line in report.lines)], strict=True):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if example:
            print(f"    e.g. {example}")
    print(
        f"false accepts {report.false_accept:.2%}, false rejects {report.false_reject:.2%}, on {report.cases:,} tasks"
    )
