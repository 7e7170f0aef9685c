"""References between resources, relative: no header of ours repeats a host that a client sent."""

from urllib.parse import urlencode


def next_page(path: str, cursor: str | None, **query: object) -> str | None:
    """A Link header that leads to the next page (RFC 8288), if there is one."""
    if cursor is None:
        return None
    asked = {name: value for name, value in query.items() if value is not None}
    parameters = urlencode(
        {name: written(value) for name, value in asked.items()} | {"cursor": cursor}
    )
    return f'<{path}?{parameters}>; rel="next"'


def written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
