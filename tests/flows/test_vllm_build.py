"""A build through a real vLLM server that is killed in the middle (make test-vllm)."""

import os
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from catalog import connect
from tests.flows.conftest import command

RECIPE = """
name = "served"
shard_size = 8

[[tasks]]
generator = "algebra"
levels = [1]
count = 24

[teachers.v]
kind = "vllm"
model = "smollm2-135m-instruct"
format = "chatml"
max_model_len = 512
concurrency = 4
args = ["--enforce-eager"]

[sample]
teacher = "v"
n = 2
max_tokens = 48

[export]
profiles = ["rl"]
"""


def _servers(build: psutil.Process) -> list[psutil.Process]:
    found = []
    for child in build.children(recursive=True):
        try:
            if "vllm.entrypoints.openai.api_server" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


@pytest.mark.vllm
@pytest.mark.timeout(1200)
@pytest.mark.skipif(
    "REASONMILL_VLLM_PYTHON" not in os.environ, reason="REASONMILL_VLLM_PYTHON names no Python with vLLM"
)
def test_a_build_outlives_its_server(tmp_path: Path) -> None:
    path, store = tmp_path / "served.toml", tmp_path / "store"
    path.write_text(RECIPE)
    running = subprocess.Popen(
        command("build", path, "--plain", "--store", store), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    build = psutil.Process(running.pid)
    answers = 0
    while answers < 8 and running.poll() is None:
        time.sleep(1.0)
        if (store / "journal").exists():
            with connect(str(store)) as con:
                answers = con.execute("select count(*) from completions").fetchall()[0][0]
    servers = _servers(build)
    assert servers, running.communicate()[0] if running.poll() is not None else "no server is running"
    for server in servers:
        server.kill()
    out, _ = running.communicate(timeout=900)
    assert running.returncode == 0, out
    with connect(str(store)) as con:
        assert con.execute("select count(*), count(distinct key) from completions").fetchall() == [(48, 48)]
        assert con.execute("select status from builds").fetchall() == [("complete",)]
