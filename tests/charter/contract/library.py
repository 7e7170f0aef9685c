"""A small document that has what a fuzzer can derive something from, and the settings for it."""

from pathlib import Path

from charter.contract.api import Api
from charter.document import Document
from charter.runtime import Contract, Operation

LIBRARY = Path(__file__).with_name("library.yaml")


def library() -> Api:
    return Api(Contract(Document(LIBRARY).content, check_rate=0))


def operation(name: str) -> Operation:
    return library().contract.operations[name]
