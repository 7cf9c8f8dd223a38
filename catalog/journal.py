"""The journal: every completion is in it before anything else happens to it, so that none is paid for twice.

Each process appends to a segment of its own, so nothing but the last line of a segment can ever be torn, and a torn
line is one that nobody was told of. The journal knows nothing of retries, budgets or what a completion is used for.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import fields, replace

import orjson

from catalog.journal_index import Damage, Found, Index, entry
from catalog.journal_segments import Segments, open_segments
from catalog.records import Completion
from catalog.store import Store

_log = logging.getLogger(__name__)

_FIELDS = tuple(field.name for field in fields(Completion))


class Journal:
    """The finished completions of a store. Thread-safe; memory is about 41 bytes a completion."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._lock = threading.Lock()
        self._index = Index()
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._fresh: dict[int, bytearray] = {}
        """Records of own lines that the index does not hold yet, by number of the segment."""
        self._unsaved = bytearray()
        """Records of own lines that are not committed yet."""
        self._failure: Exception | None = None
        self._dirty, self._closing = threading.Event(), threading.Event()
        self._committer: threading.Thread | None = None
        self.damages: tuple[Damage, ...] = ()
        """Lines met that are no completions (a disk fault, an edit); each is logged and left out."""

    @staticmethod
    def open(store: Store) -> "Journal":
        """Opens the journal of a store.

        Segments whose index is missing, short or damaged are read through once; hundreds of small ones are merged.
        """
        journal = Journal(open_segments(store))
        journal.compact()
        journal._load()
        return journal

    def append(self, completions: Sequence[Completion]) -> None:
        """Journals completions: when this returns they survive the death of the process.

        They reach the disk itself, to survive a loss of power, within half a second. On object storage they are kept in
        memory for up to one second instead. Raises UserError when the disk is full or not writable; nothing is
        half-written then.
        """
        if not completions:
            return
        lines = [_line(completion) for completion in completions]
        with self._lock:
            if self._failure is not None:
                raise self._failure
            name, offset = self._segments.append(b"".join(lines))
            records = bytearray()
            for completion, line in zip(completions, lines, strict=True):
                c = completion
                records += entry(c.key, offset, len(line), c.completion_tokens, c.max_tokens, c.finish_reason)
                offset += len(line)
            self._fresh.setdefault(self._number(name), bytearray()).extend(records)
            self._unsaved += records
            if self._committer is None:
                self._committer = threading.Thread(target=self._commit_groups, name="journal", daemon=True)
                self._committer.start()
        if not self._dirty.is_set():
            self._dirty.set()

    def lookup(self, keys: Sequence[str], max_tokens: int) -> dict[str, Completion]:
        """Gives the finished completions, by key, that satisfy a request for at most `max_tokens` new tokens.

        That is one that ended by itself (`stop`) within them, or one cut off (`length`) by a limit no lower. Keys
        without one are left out. What other processes append after this journal was opened is not seen.
        """
        try:
            return self._read(keys, max_tokens)
        except FileNotFoundError:  # another process merged segments since they were listed
            self._load()
            return self._read(keys, max_tokens)

    def _read(self, keys: Sequence[str], max_tokens: int) -> dict[str, Completion]:
        with self._lock:
            self._index.add([(bytes(records), number) for number, records in self._fresh.items()])
            self._fresh.clear()
            found = self._index.find(keys, max_tokens)
        by_segment: dict[int, list[tuple[str, Found]]] = {}
        for key, place in zip(keys, found, strict=True):
            if place is not None:
                by_segment.setdefault(place.segment, []).append((key, place))
        completions: dict[str, Completion] = {}
        for number, wanted in by_segment.items():
            spans = [(place.offset, place.length) for _, place in wanted]
            for (key, place), line in zip(wanted, self._segments.read(self._names[number], spans), strict=True):
                completion = _completion(line)
                if completion is None or completion.key != key:
                    _log.warning("%s, byte %d: not the completion %s, left out", self._names[number], place.offset, key)
                else:
                    completions[key] = completion
        return completions

    def compact(self, at_least: int = 256) -> None:
        """Merges the small segments of dead processes where there are `at_least` so many; other journals stay valid."""
        self._segments.merge(at_least)

    def close(self) -> None:
        """Commits what is not committed yet and seals the own segment. Raises what kept the last commit from it."""
        self._closing.set()
        self._dirty.set()
        if self._committer is not None:
            self._committer.join()
        self._segments.close()
        if self._failure is not None:
            raise self._failure

    def _load(self) -> None:
        with self._lock:
            loaded, damages = self._segments.load()
            self._index, self._names, self._numbers = Index(), [], {}
            self._fresh.clear()
            self._index.add([(records, self._number(name)) for name, records in loaded])
            self.damages = tuple(damages)
        for damage in damages:
            _log.warning("%s, line %d: not a completion, left out", damage.segment, damage.line)

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self._names)
            self._names.append(name)
        return self._numbers[name]

    def _commit_groups(self) -> None:
        while True:
            self._dirty.wait()
            self._dirty.clear()  # before `closing` is looked at, or the word of a close right behind that is lost
            last = self._closing.wait(self._segments.group_s)
            with self._lock:
                commit = self._segments.batch(bytes(self._unsaved))
                self._unsaved.clear()
            try:
                commit()
                self._failure = None
            except Exception as error:
                self._failure = error
                self._dirty.set()
            if last:
                return


def _line(completion: Completion) -> bytes:
    try:
        return orjson.dumps(completion, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # lone surrogates, which no file of UTF-8 can hold: a model's text may contain anything
        texts = {name: getattr(completion, name) for name in _FIELDS if isinstance(getattr(completion, name), str)}
        repaired = {
            name: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for name, text in texts.items()
        }
        return orjson.dumps(replace(completion, **repaired), option=orjson.OPT_APPEND_NEWLINE)


def _completion(line: bytes) -> Completion | None:
    try:
        row = orjson.loads(line)
        return Completion(*[row.get(name) for name in _FIELDS])
    except (orjson.JSONDecodeError, AttributeError):
        return None
