"""Publishing: a finished build goes to a folder, or to the Hugging Face Hub in one commit."""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from catalog.arrow_dataset import sha256
from catalog.errors import UserError
from catalog.files import explained
from catalog.profiles import PROFILES
from catalog.publication import write_publication
from catalog.store import Build

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

WAITS_S = (1.0, 4.0, 15.0)
"""Seconds before each further attempt, on top of the library's own few; the Hub limits rates in windows of minutes."""

LONGEST_WAIT_S = 300.0
"""No Retry-After is obeyed beyond this."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Publication:
    """Where a build was published, and what is there."""

    place: str
    """The folder, or the repository's address."""
    commit: str | None
    """The Hub's commit; None for a folder."""
    rows: dict[str, dict[str, int]]
    """Rows per profile and split."""
    files: dict[str, str]
    """SHA-256 of each file by its path."""


def publish(build: Build, to: str | os.PathLike) -> Publication:
    """Publishes a complete build.

    `to` is `org/name`, a dataset repository of the Hub, which is made where there is none; or a folder, which a text of
    that shape names as `./org/name`. A former publication is replaced as a whole: the Hub gets one commit (none where
    nothing changed), a folder appears by renaming. Interrupted uploads resume: the Hub keeps what it has got.

    Raises UserError for a build that is not complete, a folder that holds something else, and what the Hub refuses.
    """
    if isinstance(to, str) and REPOSITORY.fullmatch(to):
        return _to_hub(build, to)
    return _to_folder(build, Path(to).expanduser())


def _to_folder(build: Build, target: Path) -> Publication:
    if target.exists() and not (target / "manifest.json").is_file() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(
            f"{target} holds something that is no publication: name a folder that is empty or not there yet."
        )
    target = target.absolute()
    with explained(str(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            fresh = staging / "fresh"
            fresh.mkdir()
            facts = write_publication(build, fresh, ".")
            files = _checksums(fresh)
            if target.exists():
                target.rename(staging / "replaced")
            fresh.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Publication(str(target), None, facts.rows, files)


def _to_hub(build: Build, repo: str) -> Publication:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.errors import EntryNotFoundError, RevisionNotFoundError

    api = HfApi(library_name="reasonmill")
    with tempfile.TemporaryDirectory(prefix="reasonmill-") as folder:
        facts = write_publication(build, Path(folder), repo)
        files = _checksums(Path(folder))
        _attempt(repo, lambda: api.create_repo(repo, repo_type="dataset", exist_ok=True))

        def stale() -> list[str]:
            try:
                there = api.list_repo_files(repo, repo_type="dataset")
            except (EntryNotFoundError, RevisionNotFoundError):  # a repository without a commit
                return []
            return [name for name in there if _is_data(name) and name not in files]

        removed = _attempt(repo, stale)
        message = f"{build}: {facts.total:,} rows"

        def commit():
            # upload_folder may split its work into several commits; the operations are used up by an attempt.
            adds = [CommitOperationAdd(name, Path(folder) / name) for name in files]
            deletes = [CommitOperationDelete(name) for name in removed]
            return api.create_commit(repo, [*adds, *deletes], commit_message=message, repo_type="dataset")

        info = _attempt(repo, commit)
    return Publication(f"{api.endpoint}/datasets/{repo}", info.oid, facts.rows, files)


def _is_data(name: str) -> bool:
    profile, _, file = name.partition("/")
    return profile in PROFILES and "/" not in file and file.endswith(".parquet")


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def _attempt(repo: str, action: Callable[[], Result]) -> Result:
    """Runs a step again while the Hub is too busy or out of reach; anything else it refuses becomes a UserError."""
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

    for wait in (*WAITS_S, None):
        try:
            return action()
        except OfflineModeIsEnabled as error:
            raise UserError("HF_HUB_OFFLINE is set: unset it to publish to the Hub, or publish to a folder.") from error
        except (HTTPError, ConnectionError, TimeoutError, RuntimeError, json.JSONDecodeError) as error:
            response = _response(error)
            status = response.status_code if response is not None else None
            if status is None and isinstance(error, RuntimeError) and not _is_transport(error):
                raise
            if status is not None and status not in (408, 409, 412, 429) and status < 500:
                raise _refusal(repo, status, error) from error
            if wait is None:
                what = f"keeps answering {status}" if status else f"cannot be reached ({_first_line(error)})"
                raise UserError(
                    f"The Hub {what}: publish again later; what {repo} has received is not sent a second time."
                ) from error
            asked = response.headers.get("retry-after", "") if response is not None else ""
            time.sleep(min(float(asked), LONGEST_WAIT_S) if asked.isdecimal() else wait)
    raise AssertionError


def _response(error: BaseException | None):
    """Gives the answer behind a failure; the library wraps those of its upload threads."""
    while error is not None:
        if getattr(error, "response", None) is not None:
            return error.response  # type: ignore[attr-defined]
        error = error.__cause__
    return None


def _is_transport(error: BaseException | None) -> bool:
    from huggingface_hub.errors import HTTPError

    while error is not None:
        if isinstance(error, HTTPError | ConnectionError | TimeoutError):
            return True
        error = error.__cause__
    return False


def _refusal(repo: str, status: int, error: BaseException) -> UserError:
    if status == 401:
        return UserError(
            f"The Hub does not know you (401): log in with `hf auth login` or set HF_TOKEN to publish {repo}."
        )
    if status == 403:
        return UserError(
            f"The Hub does not let you write to {repo} (403): use a token with write access to "
            f"{repo.partition('/')[0]}, or name a folder as ./{repo}."
        )
    if status == 404:
        return UserError(f"The Hub has no place for {repo} (404): check the name before the slash, or use your own.")
    return UserError(f"The Hub refuses {repo} ({status}): {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
