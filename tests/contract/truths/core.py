"""What is a truth about AWS? One sentence of its documentation that our code leans on, and calls that show it.

    @truth("Amazon EC2 API Reference: RunInstances", moto="makes a second machine")
    def the_same_client_token_never_starts_a_second_machine(place): ...

The sentence is the function's name. A stand-in named in the decorator is known to differ, and in which way; the suite fails
when it does not differ any more, so that the list stays true in both directions.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

Json = dict[str, Any]
Show = Callable[["Place"], None]
TRUTHS: list[Truth] = []
IMAGE = "ami-12c6146b"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Truth:
    service: str
    sentence: str
    document: str
    show: Show
    differs: Mapping[str, str]  # stand-in → how

    @property
    def id(self) -> str:
        return f"{self.service}-{self.show.__name__}"


def truth(document: str, **differs: str) -> Callable[[Show], Show]:
    def told(show: Show) -> Show:
        service = show.__module__.rpartition(".")[2]
        sentence = show.__name__.replace("_", " ")
        TRUTHS.append(Truth(service, sentence[0].upper() + sentence[1:], document, show, differs))
        return show

    return told


class NotOffered(AssertionError):  # noqa: N818 - read as a sentence
    """This stand-in has no such thing at all."""


class Place(ABC):
    """An account to make calls in: what a truth needs besides clients, made in each stand-in's own way."""

    @abstractmethod
    def client(self, service: str) -> Any: ...

    @abstractmethod
    def table(self) -> str:
        """A table with the keys pk and sk and the index by_person (person, sk), which holds keys alone."""

    @abstractmethod
    def bucket(self) -> str:
        """A bucket that keeps versions."""

    @abstractmethod
    def bus(self) -> str: ...

    @abstractmethod
    def workflow(self) -> str:
        """The ARN of a state machine that waits for a task's token and then ends."""

    @abstractmethod
    def token(self, execution: str) -> str:
        """The token that an execution of `workflow` waits for."""

    @abstractmethod
    def zone(self) -> str:
        """The id of the hosted zone labs.example.org."""

    def pass_time(self) -> None:  # noqa: B027 - where time does not matter, nothing is to be done
        """What is on its way arrives."""

    def sell_out(self, instance_type: str) -> None:
        raise NotOffered("nothing is ever sold out")

    def word(self, stem: str) -> str:
        """A name nobody used before."""
        return f"{stem}-{next(_numbers):04d}"


def named(verb: Callable[..., Any], **asked: Any) -> str:
    """Why a call with these arguments was refused."""
    return refusal(lambda: verb(**asked))


def refusal(call: Callable[[], Any]) -> str:
    """AWS's name for why it refused; "" when it did not."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def refused(call: Callable[[], Any]) -> Json:
    """The whole refusal."""
    try:
        call()
    except ClientError as error:
        return dict(error.response)
    raise AssertionError("it was not refused")
