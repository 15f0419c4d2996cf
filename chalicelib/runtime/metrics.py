"""How often, how fast? Numbers for CloudWatch, written as one EMF log line at the end of an invocation."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from chalicelib.runtime import settings

if TYPE_CHECKING:
    from aws_lambda_powertools import Metrics


@lru_cache(maxsize=1)
def _metrics() -> Metrics:
    from aws_lambda_powertools import Metrics

    return Metrics()


def count(name: str, amount: float = 1) -> None:
    _metrics().add_metric(name=name, unit="Count", value=amount)


def seconds(name: str, amount: float) -> None:
    _metrics().add_metric(name=name, unit="Seconds", value=amount)


def milliseconds(name: str, amount: float) -> None:
    _metrics().add_metric(name=name, unit="Milliseconds", value=amount)


def flush(function: str) -> None:
    """Write what was counted, by stage and function."""
    metrics = _metrics()
    if metrics.metric_set:
        metrics.add_dimension(name="stage", value=settings.current().stage)
        metrics.add_dimension(name="function", value=function)
        metrics.flush_metrics()
