"""`charter scaffold` leaves streams to the mock: it can't know where items come from."""

from pathlib import Path

import pytest

from charter.generate import command
from charter.project.scaffold.services import find
from charter.project.scaffold.sources import Sources
from charter.project.scaffold.writing import service as service_text
from tests.charter.runtime.test_streams import DOCUMENT


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    folder = tmp_path_factory.mktemp("scaffold")
    assert command.run(document=DOCUMENT, out=folder / "generated") == 0
    return Sources(folder / "generated")


def test_the_methods_of_streams_are_written_as_they_are_declared(
    sources: Sources, tmp_path: Path
) -> None:
    protocol = sources.protocol("StreamsOperations")
    assert protocol is not None

    text = service_text(protocol, "StreamService")

    assert "def stream_events(self) -> Streaming[schemas.Change]:" in text
    assert "async def stream_lines(self) -> StreamLines200:" in text
    assert "from charter.runtime.streams import Streaming" in text
    services = tmp_path / "impl" / "services"
    services.mkdir(parents=True)
    (services / "streams.py").write_text(text)
    service = find(tmp_path, protocol)
    assert service is not None
    assert service.missing == []
    assert {"stream_events", "stream_lines"} <= set(service.unwritten)
