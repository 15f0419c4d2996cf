"""What may a lab's machine do in the account? Its own log stream, bundle, backups and tunnel, its pack's open data; no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.labs.naming import log_group
from chalicelib.runtime.settings import Settings

Statement = Mapping[str, object]
TUNNEL = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)


def statements(lab_id: str, known: Settings, open_data: Sequence[Statement], locks: Sequence[str] = ()) -> tuple[Statement, ...]:
    """The IAM statements of one lab's role; `locks` are those (s3://…) that its kernels need beyond the bundle.

    Session Manager's channels know no resource to name (their `*`)."""
    stream = known.arn("logs", f"log-group:{log_group(known.prefix)}:log-stream:{lab_id}")
    bundle = f"arn:{known.partition}:s3:::{known.artifacts_bucket}/host/*"
    backups = f"arn:{known.partition}:s3:::{known.backups_bucket}"
    return (
        _allow("WriteItsLog", ("logs:CreateLogStream", "logs:PutLogEvents"), stream),
        _allow("FetchItsBundle", ("s3:GetObject",), bundle),
        *(
            _allow(f"FetchItsLock{number}", ("s3:GetObject",), f"arn:{known.partition}:s3:::{uri.removeprefix('s3://')}")
            for number, uri in enumerate(locks)
        ),
        _allow("KeepItsBackups", ("s3:GetObject", "s3:PutObject"), f"{backups}/labs/{lab_id}/*"),
        _allow("SeeItsBackups", ("s3:ListBucket",), backups) | {"Condition": {"StringLike": {"s3:prefix": f"labs/{lab_id}/*"}}},
        _allow("BeReachedByTunnel", TUNNEL, "*"),
        *open_data,
    )


def boundary(known: Settings) -> str:
    """The stack's policy that no lab's role may exceed; the control plane may make no role without it."""
    return f"arn:{known.partition}:iam::{known.need('account')}:policy/{known.prefix}-lab-boundary"


def _allow(sid: str, actions: Sequence[str], resource: str) -> dict[str, object]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}
