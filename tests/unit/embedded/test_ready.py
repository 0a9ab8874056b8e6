import socket
from pathlib import Path

from platform_api.embedded.ready import socket_answers


def test_a_socket_answers_while_somebody_listens(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert not socket_answers(str(path))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert not socket_answers(str(path))
        listener.listen()
        assert socket_answers(str(path))
    assert path.exists()
    assert not socket_answers(str(path))
