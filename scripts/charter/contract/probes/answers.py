"""Is anybody there? Who answers, and whether the fuzzer can go on."""

from collections import Counter
from collections.abc import Iterator

import requests

from charter.contract.api import label
from charter.contract.probes.client import Client, UnfitSubject
from charter.runtime import Operation

MOCK_HEADER = "charter-mock"


def is_answered(client: Client, operation: Operation) -> Iterator[str]:
    """Whether an operation is implemented or mocked, and answers a plain request."""
    name, token = client.passing()
    body = client.known_body(operation, name)
    answer = client.send(operation, token, **body)
    kind_of(client, operation, answer).add(label(operation))
    if answer.status_code >= 500:
        yield f"{label(operation)} answered {answer.status_code} to a plain request"
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html") and not declares_html(operation, answer.status_code):
        yield f"{label(operation)} answered HTML"


def kind_of(client: Client, operation: Operation, answer: requests.Response) -> set[str]:
    """The operations that were answered by whoever answered this one."""
    if not client.api.is_reachable(operation):
        return client.probed.closed
    return client.probed.mocked if MOCK_HEADER in answer.headers else client.probed.implemented


def declares_html(operation: Operation, status: int) -> bool:
    spec = operation.response_spec(status)
    return spec is not None and any(name.startswith("text/html") for name in spec.contents)


def require_a_subject(client: Client) -> None:
    """Raises UnfitSubject where every token is refused, or answers are HTML or 429."""
    answers = Counter[int]()
    for (where, status), count in client.probed.statuses.items():
        if where in client.api.secured:
            answers[status] += count
    if answers and set(answers) == {401}:
        raise UnfitSubject(
            "Every operation refuses the token that the login gave: see"
            " [tool.charter.fuzz.login], and the service's log beside the reports."
        )
    throttled = sum(n for (_, status), n in client.probed.statuses.items() if status == 429)
    if throttled and throttled >= len(client.api.operations) / 2:
        raise UnfitSubject(
            "The service under test throttles the fuzzer (429): switch its limits off under"
            " [tool.charter.fuzz.environment]."
        )
    html = [found for found in client.probed.findings if found.endswith("answered HTML")]
    if html and len(html) >= len(client.api.operations):
        raise UnfitSubject("The service under test answers HTML to everything.")
