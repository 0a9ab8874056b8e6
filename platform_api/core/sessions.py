"""Sessions in PostgreSQL, by the digest of their key: a copy of the database opens no session."""

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession

from platform_api.core import clock


class SessionStore(db.SessionStore):
    """Django's, but for what stands in the table; the key itself is in the browser's cookie and nowhere else."""

    def exists(self, session_key: str) -> bool:
        """Tell whether there is a session with this key."""
        return super().exists(_digest(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Return the row to write."""
        row = super().create_model_instance(data)
        row.session_key = _digest(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """End a session; this one, unless another is named."""
        key = session_key or self.session_key
        if key is not None:
            super().delete(_digest(key))

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        """Return the row of a session that has not expired; without one the browser's key is forgotten."""
        key = self.session_key
        row = (
            None
            if key is None
            else self.model.objects.filter(session_key=_digest(key), expire_date__gt=clock.now()).first()
        )
        if row is None:
            self._session_key = None
        return row


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40]  # the column's length; 160 bits collide never
