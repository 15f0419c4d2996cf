"""The stage's tables in memory: the simulator's DynamoDB answers behind botocore's own clients.

Every other service of a test's account is moto's. DynamoDB is not, for two reasons: the simulator differs nowhere from what AWS
writes (the contract tests hold it to that, and say where moto does), and it answers many times sooner.
"""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import Session

from tests.fakes.sim.cloud import Cloud
from tests.fakes.sim.dynamodb import tables

Json = dict[str, Any]


class Tables:
    """Called with a table's name (`labs`) it gives that table's items."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self._dynamodb = self.cloud.client("dynamodb")

    def __call__(self, name: str) -> list[Json]:
        return copy.deepcopy(self.cloud.rows(name))

    def clear(self, *names: str) -> None:
        """Forget all items of these tables; of all tables when none is named."""
        for name in names or tables():
            shelf = self.cloud.shelf(f"table.{name}")
            for key, _ in shelf.items():
                shelf.drop(key)

    def put(self, name: str, item: Json) -> None:
        """An item that is there, without a call."""
        self.cloud.shelf(f"table.{name}").put((item["pk"]["S"], item["sk"]["S"]), item)

    def read(self, table: str, key: Json) -> Json | None:
        """One item behind everybody's back: no call, so no fault and no count."""
        found = self.cloud.shelf(f"table.{table.rsplit('-', 1)[1]}").get((key["pk"]["S"], key["sk"]["S"]))
        return copy.deepcopy(found) if found is not None else None

    def serve(self, session: Session) -> None:
        """From now on this session's clients ask here instead of sending to DynamoDB."""
        session.register("before-call.dynamodb", self._answer)

    def _answer(self, model: Any, params: Json, **_: Any) -> tuple[Any, Json]:
        status, said = 200, {}
        try:
            said = copy.deepcopy(self._dynamodb._make_api_call(model.name, json.loads(params["body"])))
        except ClientError as error:
            status, said = 400, dict(error.response)
        said["ResponseMetadata"] = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
        return SimpleNamespace(status_code=status), said
