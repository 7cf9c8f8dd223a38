"""One run of a build: who may run it, what its manifest says, and how it ends."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed

from catalog import ledger
from catalog.errors import Stopped, Unfinished, UserError
from catalog.manifest import Manifest, library_versions
from catalog.records import KINDS
from catalog.store import Build, Store
from flows import driver
from flows.driver import ShardResult
from flows.loading import Resolved
from flows.progress import shown
from flows.workbench import Workbench, open_workbench
from generators.teachers.protocol import AccountError
from verifiers import code, sandbox

Runner = Callable[[Workbench, Build, list[int], Callable[[ShardResult], None]], None]
"""Runs shards and tells of each that ends: threads (driver.run_shards) or Prefect tasks (build_flow)."""


@dataclass
class Session:
    """A build that this process has locked and works on."""

    resolved: Resolved
    build: Build
    manifest: Manifest
    started: float = field(default_factory=time.monotonic)

    def run(self, runner: Runner) -> None:
        """Runs what is left of tasks and shards. Raises Stopped, Unfinished, or what the teacher's account needs."""
        shards = driver.write_tasks(self.resolved, self.build)
        left = driver.remaining(self.build, shards)
        if not left:
            return
        tasks = 0
        for shard in left:
            found = self.build.read("tasks", f"{shard:05d}")
            tasks += len(found)
            if any(task.verifier == code.NAME for task in found):
                sandbox.require(self.resolved.recipe.verify.sandbox)
        if self.resolved.recipe.hint is not None:
            sandbox.require(self.resolved.recipe.hint.sandbox)
        pending = 0
        causes: set[str] = set()

        def done(result: ShardResult) -> None:
            nonlocal pending
            pending += result.pending
            causes.update(result.causes)

        with (
            shown(tasks * self.resolved.recipe.sample.n, self.resolved.recipe.name) as progress,
            open_workbench(self.resolved, self.build.store, progress) as bench,
        ):
            self._same_teachers(bench)
            try:
                runner(bench, self.build, left, done)
            except AccountError as error:
                raise UserError(f"The build pauses and nothing is lost: {error}") from None
            if pending:
                bench.meter.check()
        if pending:
            raise Unfinished(
                f"{pending:,} samples of {self.build.name} are still owed ({'; '.join(sorted(causes))}): "
                "run the same command again to go on from here."
            )

    def _same_teachers(self, bench: Workbench) -> None:
        teachers = [bench.sampler.teacher]
        teachers += [bench.reviser.sampler.teacher] if bench.reviser else []
        teachers += [bench.kit.sampler.teacher] if bench.kit else []
        for teacher in teachers:
            before = self.manifest.teachers.get(teacher.name)
            if before not in (None, teacher.revision):
                raise UserError(
                    f"The build {self.build.name}@{self.build.version} was begun with the teacher {before} and "
                    f"{teacher.name!r} is {teacher.revision}: add --fresh to begin it anew with that."
                )
            self.manifest.teachers[teacher.name] = teacher.revision
        self.build.write_manifest(self.manifest)

    def filter_hinted(self) -> None:
        """Keeps of the traces that use code those that are fit to train on; for a recipe that hints."""
        if self.resolved.recipe.hint is not None:
            driver.drop_unfit(self.resolved.recipe.hint, self.build)

    def dedup(self) -> None:
        """Marks duplicates."""
        driver.drop_duplicates(self.resolved, self.build)

    def audit(self) -> None:
        """Audits the verifiers on tasks of the build. Raises AuditFailed where a limit of the recipe is passed."""
        from flows.auditing import audit_build

        audit_build(self.resolved, self.build, self.manifest)

    def export(self) -> None:
        """Writes the dataset, checks the ledger and closes the manifest."""
        from catalog.export import export

        result = export(self.build, self.resolved.recipe.export)
        ledger.check(self.build)
        self.manifest.counts = _counts(self.build)
        self.manifest.exports = result.rows
        self.manifest.checksums = result.checksums
        self.manifest.status = "complete"
        self.manifest.finished = _now()
        self.build.write_manifest(self.manifest)


@contextmanager
def open_session(resolved: Resolved, store: Store, fresh: bool = False) -> Iterator[Session]:
    """Locks the recipe's build and gives a session on it; the manifest says how the block ended.

    `fresh` throws away what an earlier run made of this very recipe, the journalled answers excepted.
    """
    build = store.build(resolved.recipe.name, resolved.version)
    with build.lock():
        if fresh:
            _discard(build)
        manifest = (None if fresh else build.read_manifest()) or _manifest(resolved, build)
        session = Session(resolved, build, manifest)
        if manifest.status != "complete":
            manifest.status = "running"
            build.write_manifest(manifest)
        try:
            yield session
        except BaseException as error:
            if manifest.status == "running":
                stopped = isinstance(error, (Stopped, KeyboardInterrupt, UserError, Unfinished))
                manifest.status = "stopped" if stopped else "failed"
                build.write_manifest(manifest)
            raise


def _discard(build: Build) -> None:
    """Removes an earlier run's rows, the ledger first: what is left of a killed removal counts as unfinished."""
    for kind in ("stages", *(kind for kind in KINDS if kind != "stages")):
        for part in build.parts(kind):
            build.remove(kind, part)


def _manifest(resolved: Resolved, build: Build) -> Manifest:
    return Manifest(
        name=build.name,
        version=build.version,
        recipe=resolved.as_dict(),
        code_version=installed("reasonmill"),
        seed=resolved.recipe.seed,
        started=_now(),
        versions=library_versions(),
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _counts(build: Build) -> dict[str, dict[str, int]]:
    """Rows in, out and rejected per stage, over all shards."""
    totals: dict[str, dict[str, int]] = {}
    for count in build.iter_rows("stages"):
        row = totals.setdefault(f"{count.stage}:{count.unit}", {"rows_in": 0, "rows_out": 0, "rejects": 0})
        row["rows_in"] += count.rows_in
        row["rows_out"] += count.rows_out
        row["rejects"] += count.rejects
    return totals
