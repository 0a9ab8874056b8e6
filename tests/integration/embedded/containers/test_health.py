"""Health checks of containers, asked of real listeners."""

import socket
from pathlib import Path

import pytest

from platform_api.embedded.containers.health import main


def test_a_connection_counts_as_long_as_it_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert main(["connected", str(port)]) == 1, "somebody who listens is not connected"
        with socket.create_connection(("127.0.0.1", port)):
            assert main(["connected", str(port)]) == 0
    assert main(["connected", str(port)]) == 1


def test_a_socket_counts_while_somebody_takes_the_call(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    assert main(["socket", path]) == 1
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        assert main(["socket", path]) == 0
    assert main(["socket", path]) == 1


def test_a_page_that_nobody_serves_is_unwell() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert main(["http", str(unused.getsockname()[1]), "/health/ready"]) == 1


@pytest.mark.parametrize("arguments", [[], ["http"], ["socket", "a", "b"], ["else", "1"]])
def test_a_question_that_is_none_is_told_so(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage:" in capsys.readouterr().err
