"""How does a played machine do as it is ordered? It writes and reads a backup as format 1 says, and takes a release as asked.

Its files are two, and always the same. Its own calls to S3 are not struck: they are the machine's, and it repeats them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

from tests.fakes.sim.cloud import Cloud, Json
from tests.fakes.sim.machine import worker

FILES = {"homes/ada@university.edu/a.ipynb": b"first", "shared/data.csv": b"1,2,3"}
Done = tuple[str, Json, str]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unstruck(cloud: Cloud, verb: str, **asked: Any) -> Any:
    """A call of the machine's own."""
    cloud.number += 1
    return getattr(cloud.client("s3"), f"_{verb}")(**asked)


@worker("backup")
def backup(cloud: Cloud, lab_id: str, order: Json) -> Done:
    """Chunks first, the manifest last."""
    bucket, prefix, when = order["bucket"], order["prefix"], cloud.now.isoformat()
    for data in FILES.values():
        name = digest(data)
        unstruck(cloud, "put_object", Bucket=bucket, Key=f"{prefix}/chunks/{name[:2]}/{name}", Body=data)
    lines: list[Json] = [
        {"format": 1, "backup_id": order["backup_id"], "lab_id": lab_id, "base": order.get("base"), "started_at": when}
    ]
    for path, data in sorted(FILES.items()):
        lines.append(
            {"p": path, "t": "f", "m": 420, "mt": 10**18, "s": len(data), "h": digest(data), "c": [digest(data)], "id": [1, 2]}
        )
    size = sum(map(len, FILES.values()))
    lines.append({"files": len(FILES), "dirs": 0, "bytes": size, "finished_at": when, "skipped": []})
    body = gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines), mtime=0)
    key = f"{prefix}/backups/{order['backup_id']}/manifest.jsonl.gz"
    unstruck(cloud, "put_object", Bucket=bucket, Key=key, Body=body)
    sums = {"files": len(FILES), "bytes": size, "new_bytes": size, "new_chunks": len(FILES), "skipped_count": 0, "skipped": []}
    return "done", {"manifest_key": key, "manifest_sha256": digest(body), "started_at": when, "finished_at": when, **sums}, ""


@worker("restore")
def restore(cloud: Cloud, _lab_id: str, order: Json) -> Done:
    """What it was ordered to bring back is there, whole, and in this lab's own folder."""
    body = unstruck(cloud, "get_object", Bucket=order["bucket"], Key=order["manifest_key"])["Body"].read()
    if digest(body) != order["manifest_sha256"]:
        return "failed", {}, "the manifest is another one"
    lines = [json.loads(line) for line in gzip.decompress(body).splitlines()][1:-1]
    for line in lines:
        for name in line["c"]:
            unstruck(cloud, "head_object", Bucket=order["bucket"], Key=f"{order['prefix']}/chunks/{name[:2]}/{name}")
    put = [{"path": line["p"], "to": f"{line['p']} (restored)"} for line in lines]
    return "done", {"files": len(lines), "bytes": sum(line["s"] for line in lines), "restored": put, "failed": []}, ""


@worker("upgrade")
def upgrade(_cloud: Cloud, _lab_id: str, order: Json) -> Done:
    return "done", {"release": order["release"], "seconds": 12.5, "smoke": "passed"}, ""


@worker("save")
def save(_cloud: Cloud, _lab_id: str, _order: Json) -> Done:
    """Nobody has anything open here."""
    return "done", {"saved": 1, "kernels": 1, "terminals": 0, "notebooks": ["a.ipynb"]}, ""
