"""A local server that speaks the Hub's REST calls for dataset repositories, with faults on order.

Enough for `create_repo`, `create_commit`, `list_repo_files` and `datasets.load_dataset`. Files below `lfs_from` bytes
are sent inside the commit, others by the LFS protocol. Clients run with HF_ENDPOINT set to `url` and with
HF_HUB_DISABLE_XET=1.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

REPO = r"/(?:api/)?datasets/([^/]+/[^/]+?)(?:\.git)?"


@dataclass
class Fault:
    """An answer given in place of the next requests whose method and path match."""

    method: str
    path: str
    """Part of the path."""
    status: int
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Repository:
    commits: list[dict[str, bytes]] = field(default_factory=list)
    """Each commit's files by path, oldest first."""
    messages: list[str] = field(default_factory=list)

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1] if self.commits else {}

    def sha(self) -> str:
        listed = [(path, hashlib.sha1(data).hexdigest()) for path, data in sorted(self.files.items())]
        return hashlib.sha1(json.dumps([len(self.commits), listed]).encode()).hexdigest()


class Hub:
    """The server's state; read by tests."""

    def __init__(self, token: str, lfs_from: int):
        self.url = ""
        self.token = token
        self.lfs_from = lfs_from
        self.repositories: dict[str, Repository] = {}
        self.blobs: dict[str, bytes] = {}
        """LFS content by SHA-256."""
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.lock = threading.RLock()

    def fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.method == method and fault.path in path:
                fault.times -= 1
                return fault
        return None


@contextmanager
def serve(token: str = "let-me-in", lfs_from: int = 10 << 20) -> Iterator[Hub]:
    hub = Hub(token, lfs_from)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_):
        pass

    def answer(self, status: int, body=b"", headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def missing(self, code: str) -> None:
        self.answer(404, {"error": code}, {"X-Error-Code": code, "X-Error-Message": code})

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        with self.hub.lock:
            self.hub.requests.append((self.command, path))
            fault = self.hub.fault(self.command, path)
            if fault:
                self.answer(fault.status, {"error": "fault on order"}, fault.headers)
            elif self.command in ("POST", "PUT") and not path.startswith("/blob/"):
                if self.headers.get("Authorization") != f"Bearer {self.hub.token}" and "validate-yaml" not in path:
                    self.answer(401, {"error": "Invalid username or password."})
                else:
                    self.write(path, body)
            elif self.command == "PUT":
                self.hub.blobs[path.removeprefix("/blob/")] = body
                self.answer(200)
            else:
                self.read(path)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any

    def write(self, path: str, body: bytes) -> None:
        hub = self.hub
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked.get('organization') or 'me'}/{asked['name']}"
            if repo in hub.repositories:
                self.answer(
                    409, {"error": "You already created this dataset repo", "url": f"{hub.url}/datasets/{repo}"}
                )
            else:
                hub.repositories[repo] = Repository([{".gitattributes": b"*.parquet filter=lfs\n"}], ["initial commit"])
                self.answer(200, {"url": f"{hub.url}/datasets/{repo}", "name": repo})
            return
        if path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
            return
        match = re.match(REPO + "/(.*)", path)
        if not match or match[1] not in hub.repositories:
            self.missing("RepoNotFound")
            return
        repo, rest = hub.repositories[match[1]], match[2]
        if rest.startswith("preupload/"):
            asked = json.loads(body)["files"]
            self.answer(200, {"files": [self.mode(repo, file) for file in asked]})
        elif rest == "info/lfs/objects/batch":
            objects = [self.upload(file["oid"], file["size"]) for file in json.loads(body)["objects"]]
            self.answer(
                200, {"transfer": "basic", "objects": objects}, {"Content-Type": "application/vnd.git-lfs+json"}
            )
        elif rest.startswith("commit/"):
            self.commit(match[1], repo, body)
        elif rest.startswith("paths-info/"):
            asked = json.loads(body)["paths"]
            self.answer(200, [entry for entry in self.tree(repo, "", True) if entry["path"] in asked])
        else:
            self.answer(404)

    def mode(self, repo: Repository, file: dict) -> dict:
        large = file["size"] >= self.hub.lfs_from
        there = repo.files.get(file["path"])
        oid = None if there is None else _sha256(there) if large else _blob_id(there)
        return {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, "oid": oid}

    def upload(self, oid: str, size: int) -> dict:
        if oid in self.hub.blobs:
            return {"oid": oid, "size": size}
        return {"oid": oid, "size": size, "actions": {"upload": {"href": f"{self.hub.url}/blob/{oid}", "header": {}}}}

    def commit(self, name: str, repo: Repository, body: bytes) -> None:
        files, message = dict(repo.files), ""
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            match line["key"]:
                case "header":
                    message = value["summary"]
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.hub.blobs[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        repo.commits.append(files)
        repo.messages.append(message)
        sha = repo.sha()
        self.answer(
            200, {"commitUrl": f"{self.hub.url}/datasets/{name}/commit/{sha}", "commitOid": sha, "success": True}
        )

    def read(self, path: str) -> None:
        match = re.match(REPO + r"(?:/(revision|tree|resolve)/([^/]+)(?:/(.*))?)?$", path)
        if not match or match[1] not in self.hub.repositories:
            self.missing("RepoNotFound")
            return
        name, what, inside = match[1], match[2], match[4] or ""
        repo = self.hub.repositories[name]
        if what == "tree":
            self.answer(200, self.tree(repo, inside, "recursive=true" in self.path.lower()))
        elif what == "resolve":
            data = repo.files.get(inside)
            if data is None:
                self.missing("EntryNotFound")
            else:
                headers = {"ETag": f'"{_blob_id(data)}"', "X-Repo-Commit": repo.sha(), "Accept-Ranges": "bytes"}
                self.answer(200, data, headers)
        else:
            siblings = [{"rfilename": path} for path in sorted(repo.files)]
            self.answer(
                200, {"_id": "1", "id": name, "sha": repo.sha(), "siblings": siblings, "private": False, "tags": []}
            )

    def tree(self, repo: Repository, inside: str, recursive: bool) -> list[dict]:
        prefix = f"{inside.rstrip('/')}/" if inside else ""
        entries: dict[str, dict] = {}
        for path, data in sorted(repo.files.items()):
            if not path.startswith(prefix):
                continue
            head, _, deeper = path.removeprefix(prefix).partition("/")
            if deeper and not recursive:  # one level only: a flat list makes load_dataset find no data files
                folder = prefix + head
                entries[folder] = {"type": "directory", "path": folder, "oid": _blob_id(folder.encode()), "size": 0}
            else:
                entries[path] = {"type": "file", "path": path, "oid": _blob_id(data), "size": len(data)}
        return list(entries.values())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
