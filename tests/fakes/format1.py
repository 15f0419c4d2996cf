"""A backup of format 1, written by hand: what a lab's machine would put into the bucket, and what it would report."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

PIECE = 8  # bytes of a chunk here, so that small files have several
Files = Mapping[str, bytes]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pieces(data: bytes) -> list[bytes]:
    return [data[at : at + PIECE] for at in range(0, len(data), PIECE)]


def put(s3: Any, order: Mapping[str, Any], files: Files, now: datetime) -> dict[str, Any]:
    """Chunks first, the manifest last; returns the report."""
    prefix, chunks = order["prefix"], {digest(one): one for data in files.values() for one in pieces(data)}
    for name, data in chunks.items():
        s3.put_object(Bucket=order["bucket"], Key=f"{prefix}/chunks/{name[:2]}/{name}", Body=data)
    body = manifest(order["backup_id"], prefix.partition("/")[2], files, now)
    key = f"{prefix}/backups/{order['backup_id']}/manifest.jsonl.gz"
    s3.put_object(Bucket=order["bucket"], Key=key, Body=body)
    size = sum(map(len, files.values()))
    sums = {"files": len(files), "bytes": size, "new_bytes": size, "new_chunks": len(chunks), "skipped_count": 0}
    return {"manifest_key": key, "manifest_sha256": digest(body), "skipped": [], "started_at": now.isoformat(), **sums}


def manifest(backup_id: str, lab_id: str, files: Files, now: datetime) -> bytes:
    moment = now.isoformat()
    lines: list[dict[str, Any]] = [{"format": 1, "backup_id": backup_id, "lab_id": lab_id, "base": None, "started_at": moment}]
    for path, data in sorted(files.items()):
        sums = {"s": len(data), "h": digest(data), "c": [digest(one) for one in pieces(data)], "id": [1, 2]}
        lines.append({"p": path, "t": "f", "m": 0o644, "mt": 10**18, **sums})
    size = sum(map(len, files.values()))
    lines.append({"files": len(files), "dirs": 0, "bytes": size, "finished_at": moment, "skipped": []})
    return gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines), mtime=0)
