"""The report of `charter proxy`, as a page, for programs, or for CI."""

import json
from pathlib import Path

from charter.document.commands import counted
from charter.document.findings import Severity, render
from charter.errors import Misconfigured, Refusal
from charter.proxy.drifts import Drifts
from charter.templates import templates

FORMATS = {".json": "json", ".html": "html", ".xml": "junit", ".sarif": "sarif"}


def check_name(file: Path) -> None:
    """Raises Misconfigured before anything is done, where no report could be written there."""
    if file.suffix not in FORMATS:
        known = ", ".join(FORMATS)
        raise Misconfigured(
            f"{file} tells no format of the report: let its name end with one of {known}."
        )
    if not file.absolute().parent.is_dir():
        raise Misconfigured(f"There is no folder {file.parent} for the report: make it first.")


def write(file: Path, drifts: Drifts, url: str, title: str) -> None:
    """Raises Refusal."""
    try:
        file.write_text(rendered(FORMATS[file.suffix], drifts, url, title))
    except OSError as error:
        raise Refusal(f"The report {file} can't be written: {error.strerror}.") from error


def rendered(form: str, drifts: Drifts, url: str, title: str) -> str:
    listed = drifts.listed
    if form == "json":
        said = {
            "service": url,
            "document": title,
            "exchanges": drifts.exchanges,
            "unjudged_bodies": drifts.unjudged,
            "unlisted_findings": drifts.unlisted,
            "findings": [one.as_json() for one in listed],
        }
        return json.dumps(said, indent=1) + "\n"
    if form == "html":
        page = templates(Path(__file__).parent, html=True).get_template("report.html.jinja2")
        return page.render(title=title, url=url, drifts=drifts, summary=summary(drifts))
    return render([one.finding() for one in listed], form, "charter proxy") + "\n"


def summary(drifts: Drifts) -> str:
    parts = []
    for severity, noun in ((Severity.ERROR, "error"), (Severity.WARNING, "warning")):
        number = sum(one.drift.severity is severity for one in drifts.listed)
        parts += [counted(number, noun)] if number else []
    found = " and ".join(parts) or "no finding"
    more = f" {drifts.unlisted} further findings are not listed." if drifts.unlisted else ""
    unjudged = counted(drifts.unjudged, "body").replace("bodys", "bodies")
    judged = f" {unjudged} too large or too coded to be judged." if drifts.unjudged else ""
    return f"{counted(drifts.exchanges, 'exchange')}, {found}.{judged}{more}"
