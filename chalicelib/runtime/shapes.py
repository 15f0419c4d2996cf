"""What do requests and answers look like? `Asked` is what comes in and is validated, `Told` is what goes out.

Both are written as pydantic models, and to a type checker and to the OpenAPI document that is what they are. But pydantic
is half of a cold start, and most requests (every GET) send nothing that needs validating. So here a shape is a light class
with the same fields; its pydantic model is built when the first body is validated, or the document is made (`model_of`).

What stays true: a request with an unknown field is a mistake; an answer has exactly its fields; both are frozen in use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from inspect import get_annotations
from operator import or_
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic import Field as Field

    class Asked(BaseModel):
        """A request's body or query."""

    class Told(BaseModel):
        """An answer."""

else:

    class Late:
        """pydantic's Field, to be made when the model is."""

        def __init__(self, default: Any = ..., **said: Any) -> None:
            self.default, self.said = default, said

        def real(self) -> Any:
            from pydantic import Field

            return Field(**self.said) if self.default is ... else Field(self.default, **self.said)

        def value(self) -> Any:
            factory = self.said.get("default_factory")
            return factory() if factory else self.default

    Field = Late

    class Shape:
        """Fields by annotation, values by keyword; what pydantic would do is asked of `model_of(cls)`."""

        model_config: ClassVar[dict[str, Any]] = {"frozen": True, "defer_build": True}
        fields: ClassVar[dict[str, Any]] = {}  # name → default, or `...`

        def __init_subclass__(cls) -> None:
            own = {name: cls.__dict__.get(name, ...) for name in get_annotations(cls) if name not in ("model_config", "fields")}
            cls.fields = {**cls.fields, **own}

        def __init__(self, **values: Any) -> None:
            filled = {name: values.pop(name) if name in values else _default(default) for name, default in self.fields.items()}
            missing = [name for name, value in filled.items() if value is ...]
            if missing or values:
                raise TypeError(f"{type(self).__name__}: missing {missing}, unknown {sorted(values)}")
            self.__dict__.update(filled)

        def __eq__(self, other: object) -> bool:
            return type(other) is type(self) and other.__dict__ == self.__dict__

        __hash__ = None

        def __repr__(self) -> str:
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"

        def model_dump(self, mode: str = "python") -> dict[str, Any]:
            return json.loads(self.model_dump_json()) if mode == "json" else {**self.__dict__}

        def model_dump_json(self) -> str:
            return json.dumps(self.__dict__, default=plain, separators=(",", ":"), ensure_ascii=False)

        def model_copy(self, update: Mapping[str, Any]) -> Any:
            return type(self)(**{**self.__dict__, **update})

    class Told(Shape):
        """An answer: we built it, so it is not validated again."""

        @classmethod
        def model_validate(cls, value: Any, **how: Any) -> Any:
            return cls(**value) if isinstance(value, Mapping) else model_of(cls).model_validate(value, **how)

    class Asked(Shape):
        """A request's body or query: validated by pydantic, unless it says nothing and everything has a default."""

        model_config: ClassVar[dict[str, Any]] = {**Shape.model_config, "extra": "forbid", "str_strip_whitespace": True}

        def __new__(cls, **values: Any) -> Any:
            return model_of(cls)(**values)

        @classmethod
        def model_validate(cls, value: Any) -> Any:
            if value == {} and all(_default(default) is not ... for default in cls.fields.values()):
                unsaid = object.__new__(cls)
                unsaid.__dict__.update({name: _default(default) for name, default in cls.fields.items()})
                return unsaid
            return model_of(cls).model_validate(value)

    def _default(default: Any) -> Any:
        return default.value() if isinstance(default, Late) else default


_models: dict[type, type[BaseModel]] = {}
BOOKKEEPING = frozenset(dir(object)) - {"__doc__", "__module__"} | {
    "fields", "model_config", "__dict__", "__weakref__", "__annotations__",
    "model_dump", "model_dump_json", "model_copy", "model_validate",
}  # fmt: skip


def model_of(shape: type[BaseModel]) -> type[BaseModel]:
    """The pydantic model of a shape, with the same name, fields, methods and bases."""
    if shape not in _models:
        from pydantic import BaseModel

        bases = tuple(model_of(base) for base in shape.__bases__ if base is not object) or (BaseModel,)
        hints = get_type_hints(shape, include_extras=True)
        body = {name: _late(value) for name, value in vars(shape).items() if name not in BOOKKEEPING}
        body["__annotations__"] = {name: _real(hints[name]) for name in get_annotations(shape) if name not in BOOKKEEPING}
        body["model_config"] = dict(shape.model_config)
        metaclass: Any = type(BaseModel)
        _models[shape] = metaclass(shape.__name__, bases, body)
    return _models[shape]


def _real(hint: Any) -> Any:
    """An annotation with models for shapes, and with pydantic's Field where ours stands."""
    if isinstance(hint, type) and hint.__module__ != "builtins" and hasattr(hint, "model_config"):
        return model_of(hint)
    arguments = tuple(_real(argument) for argument in get_args(hint))
    origin = get_origin(hint)
    if origin is Annotated:
        return Annotated[(_real(hint.__origin__), *map(_late, hint.__metadata__))]
    return hint.copy_with(arguments) if hasattr(hint, "copy_with") else _rebuilt(hint, origin, arguments)


def _rebuilt(hint: Any, origin: Any, arguments: Any) -> Any:
    if origin is UnionType:
        return reduce(or_, arguments)
    generic: Any = origin if arguments and isinstance(origin, type) else None
    return generic[arguments] if generic else hint


def _late(value: Any) -> Any:
    return value.real() if isinstance(getattr(value, "said", None), dict) else value


def plain(value: Any) -> Any:
    """What JSON cannot say by itself: shapes and models, moments, money, sets."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"  # never 1.6E-9
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be told as JSON")


class Problem(Told):
    """What every error looks like."""

    code: str
    message: str
    hint: str = ""
    correlation_id: str = ""


class PageQuery(Asked):
    """How much of a list, and from where."""

    cursor: str | None = Field(default=None, max_length=2048, description="From the page before")
    limit: int = Field(default=50, ge=1, le=100)
