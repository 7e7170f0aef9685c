"""Lists that go on: the call of the page after a page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx2

from .calls import Call
from .errors import InvalidResponse
from .response import Response

T = TypeVar("T")
Row = TypeVar("Row")

LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^,;="]+(?:=(?:"[^"]*"|[^,;"]*))?)*)')
NEXT = re.compile(
    r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?![^;\s,]))', re.IGNORECASE
)


@dataclass(frozen=True)
class Pages(Generic[Row]):
    """Where a page has its rows, and how the list goes on: by a cursor, or else by `Link`."""

    rows: str | None = None
    """The attribute with the rows; None where the page is the list itself."""
    cursor: str = ""
    """The query parameter."""
    next_cursor: str = ""
    """The attribute with the cursor of the next page."""

    def rows_of(self, page: Any) -> Sequence[Row]:
        found: Sequence[Row] | None = page if self.rows is None else getattr(page, self.rows)
        return found or ()

    def after(self, call: Call[T], page: Any, response: httpx2.Response) -> Call[T] | None:
        """The call of the next page; None after the last one.

        Raises InvalidResponse where the next page is the same one, or on another server, which is
        not for our credentials.
        """
        if self.next_cursor:
            cursor = getattr(page, self.next_cursor)
            if not cursor:
                return None
            if cursor == call.query.get(self.cursor):
                raise InvalidResponse(Response.of(response), "the next page is the same page")
            return call.with_query(self.cursor, cursor)
        target = next_link(response.headers.get("link", ""))
        if target is None:
            return None
        url = response.request.url.join(target)
        if origin(url) != origin(response.request.url) or url == response.request.url:
            raise InvalidResponse(Response.of(response), f"the next page can't be {url}")
        return call.at(str(url))


def next_link(header: str) -> str | None:
    """The target of the link to the next page (RFC 8288 section 3)."""
    return next((found[1] for found in LINK.finditer(header) if NEXT.search(found[2])), None)


def origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
