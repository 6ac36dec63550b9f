"""usage: tests/hq.py PROGRAM WORK: what `submit hq` defines, run by HyperQueue on this machine.

Its Python package has server and workers, not the program `hq`: the tasks of the definition are handed over one by one.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
from hyperqueue.ffi.protocol import ResourceRequest

SHARDS = 3


def output(*words):
    return subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE, text=True).stdout


def digest(program, directory):
    return json.loads(output(program, "status", "--json", directory))["digest"]


def main(program, work):
    config, one, out = Path("configs/smoke.toml"), work / "one", work / "tasks"
    output(program, "sweep", config, "--out", one, "--adapter", "cpu")
    output(program, "merge", one)
    submit = [program, "submit", "hq", config, "--shards", SHARDS, "--out", out, "--adapter", "cpu", "--dry-run"]
    definition = tomllib.loads(output(*submit))
    out.mkdir()
    job, tasks = Job(work, name=definition["name"]), {}
    for task in definition["task"]:
        resources = [ResourceRequest(**request["resources"]) for request in task.get("request", [])]
        tasks[task["id"]] = job.program(
            task["command"],
            stdout=task["stdout"],
            stderr=task["stderr"],
            deps=[tasks[number] for number in task.get("deps", [])],
            resources=resources or None,
        )
        assert tasks[task["id"]].task_id == task["id"]
    with LocalCluster() as cluster:
        cluster.start_worker(WorkerConfig(cores=1))
        cluster.start_worker(WorkerConfig(cores=1))
        client = cluster.client()
        client.wait_for_jobs([client.submit(job)])
    assert digest(program, out) == digest(program, one)
    rows = [{path.name: path.read_bytes() for path in (place / "rows").iterdir()} for place in (one, out)]
    assert rows[0] == rows[1] and len(rows[0]) == 1, [list(names) for names in rows]
    assert (out / "report.html").exists()
    print(f"{SHARDS} tasks of HyperQueue and their merge: the rows of one process, byte for byte")


main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
