"""A PostgreSQL cluster of our own: loopback only, with passwords, its roles made by a documented SQL file."""

import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platform_api.core.errors import UnavailableError
from platform_api.embedded.folder import CHECKOUT, StateFolder, private_write
from platform_api.embedded.logs import log_tail
from platform_api.embedded.ports import HOST
from platform_api.embedded.privileges import Privileges
from platform_api.embedded.ready import postgres_answers
from platform_api.embedded.secret_files import password_make, scram_verifier, secret_once
from platform_api.embedded.server import Server, ServerSettings
from platform_api.embedded.traces import server_processes
from platform_api.process.commands import Command
from platform_api.process.identity import ProcessIdentity, processes_end
from platform_api.process.ladders import TERMINATE_LADDER, Ladder, Step
from platform_api.process.runner import run

SUPERUSER = "postgres"
_BUILTIN_LOCALE_VERSION = (17,)
_SQL_SECONDS = 60
_ORPHAN_LADDER: Ladder = (Step(signal=signal.SIGQUIT, seconds=2),)

_OPTIONS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",  # two API processes of 64 threads, the dispatcher, and workers
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # A statement that fails may quote a password (ALTER ROLE ... PASSWORD): the log gets the error, not the
    # statement.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
_SPEED_OPTIONS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}


class SqlFileError(UnavailableError):
    """The SQL file that makes roles and database failed; the text holds what psql said."""

    code = "sql_file_failed"
    title = "The roles or the database of the local stack could not be made"


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role that a cluster's SQL file makes, and how clients find it."""

    # Its name in PostgreSQL.
    name: str
    # The variable from which the SQL file reads its password, or what PostgreSQL stores of it.
    verifier_variable: str
    # The setting that tells its address.
    url_variable: str


@dataclass(frozen=True, kw_only=True)
class ClusterKind:
    """What a cluster is for: its roles, its database, and the file that makes them."""

    sql: Path
    database: str
    roles: tuple[Role, ...]


CONTROL = ClusterKind(
    sql=CHECKOUT / "docs/database-users.sql",
    database="slipway",
    roles=(
        Role(name="slipway_app", verifier_variable="SLIPWAY_APP_PASSWORD", url_variable="DATABASE_URL"),
        Role(
            name="slipway_owner",
            verifier_variable="SLIPWAY_OWNER_PASSWORD",
            url_variable="DATABASE_OWNER_URL",
        ),
    ),
)
FLEET = ClusterKind(
    sql=CHECKOUT / "docs/fleet-admin.sql",
    database="postgres",
    roles=(Role(name="fleet_admin", verifier_variable="FLEET_ADMIN_PASSWORD", url_variable="FLEET_DATABASE_URL"),),
)


class PostgresServer(Server):
    """One cluster. ``postgres`` is our direct child: a supervisor that reaps it can restart it at once."""

    # Fast shutdown (clients are cut off), then immediate shutdown (the next start recovers from the log).
    ladder: Ladder = (Step(signal=signal.SIGINT, seconds=20), Step(signal=signal.SIGQUIT, seconds=5))

    def __init__(
        self,
        *,
        name: str,
        folder: StateFolder,
        port: int,
        settings: ServerSettings,
        privileges: Privileges,
        kind: ClusterKind,
    ) -> None:
        super().__init__(name=name, folder=folder, port=port, settings=settings)
        self._privileges = privileges
        self._kind = kind

    @property
    def data(self) -> Path:
        """Where the cluster's files are."""
        return self._privileges.home / self.name

    def urls(self) -> dict[str, str]:
        """Tell the address of each role."""
        return {
            role.url_variable: self._url(role.name, self._password(role.name), self._kind.database)
            for role in self._kind.roles
        }

    def superuser_url(self) -> str:
        """Tell the superuser's address; for tests, which clone databases, and for readiness."""
        return self._url(SUPERUSER, self._password(self.name), SUPERUSER)

    def prepare(self) -> Command | None:
        """Say how the cluster is made, unless it exists.

        Nobody may be using it: whatever runs on the folder is ended. It is made under another name and
        renamed when complete, so that a half-made one is never taken for whole.
        """
        if self.data.exists():
            # Workers of a killed server hold its shared memory; the next server would refuse to start beside
            # them.
            processes_end(server_processes(self.data), _ORPHAN_LADDER)
            self._privileges.own(self.data)
            self._forget_stranger()
            return None
        shutil.rmtree(self._unfinished, ignore_errors=True)
        self._unfinished.mkdir(mode=0o700)
        self._privileges.own(self._unfinished)
        private_write(self._password_file, self._password(self.name))
        self._privileges.own(self._password_file)
        arguments = [
            f"--pgdata={self._unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={self._password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            *self._locale_arguments(),
            *([] if self.settings.is_durable else ["--no-sync"]),
        ]
        return self._as_owner((str(self._privileges.programs.initdb), *arguments))

    def prepared(self) -> None:
        """Give the complete cluster its name."""
        self._password_file.unlink()
        self._unfinished.rename(self.data)

    def command(self) -> Command:
        """Say how the server is started."""
        options = {"port": str(self.port), **_OPTIONS, **({} if self.settings.is_durable else _SPEED_OPTIONS)}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return self._as_owner((str(self._privileges.programs.postgres), "-D", str(self.data), *settings))

    def is_ready(self) -> bool:
        """Log in as the superuser."""
        return postgres_answers(self.superuser_url())

    def set_up(self) -> None:
        """Run the kind's SQL file as the superuser, the way a person would with psql.

        The roles' passwords travel as verifiers; the superuser's own is read by psql from a file of mode
        0600.

        Raises:
            SqlFileError: A statement failed.
        """
        password_file = self.folder.secrets / f"{self.name}.pgpass"
        private_write(password_file, f"{HOST}:{self.port}:*:{SUPERUSER}:{self._password(self.name)}\n")
        verifiers = {role.verifier_variable: scram_verifier(self._password(role.name)) for role in self._kind.roles}
        target = f"host={HOST} port={self.port} user={SUPERUSER} dbname={SUPERUSER}"
        lines: list[str] = []
        outcome = run(
            Command(
                argv=(
                    str(self._privileges.programs.psql),
                    "--no-psqlrc",
                    "--no-password",
                    "--quiet",
                    f"--dbname={target}",
                    f"--file={self._kind.sql}",
                ),
                cwd=CHECKOUT,
                environment={**self.settings.environment, **verifiers, "PGPASSFILE": str(password_file)},
                output=self.folder.log(self.name),
            ),
            deadline_seconds=_SQL_SECONDS,
            ladder=TERMINATE_LADDER,
            on_line=lines.append,
        )
        if not outcome.is_success:
            said = log_tail(lines)
            raise SqlFileError(f"{self._kind.sql.name} failed on {self.name} ({outcome.ending}).\n{said}")

    @property
    def _unfinished(self) -> Path:
        return self.data.with_name(f"{self.name}.new")

    @property
    def _password_file(self) -> Path:
        return self.data.with_name(f"{self.name}.password")

    def _password(self, name: str) -> str:
        return secret_once(self.folder.secrets / name, password_make)

    def _url(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@{HOST}:{self.port}/{database}"

    def _locale_arguments(self) -> list[str]:
        # PostgreSQL's own C.UTF-8 sorts alike on every system and needs no locale of the system's.
        if self._privileges.programs.version >= _BUILTIN_LOCALE_VERSION:
            return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        return ["--locale=C.UTF-8"]

    def _as_owner(self, argv: tuple[str, ...]) -> Command:
        return Command(
            argv=argv,
            wrapper=self._privileges.wrapper,
            cwd=Path("/"),  # the one folder that every user may stand in
            environment=self.settings.environment,
            output=self.folder.log(self.name),
            parent_death_signal=signal.SIGINT,
        )

    def _forget_stranger(self) -> None:
        """Remove a lock file left by a killed server whose number belongs to another process now.

        PostgreSQL clears it by itself when nobody has the number, but a living stranger makes it refuse to
        start. That is the rule, not the exception, in containers, where numbers start anew. The stack's own
        lock keeps a second start away meanwhile. Done only where the living servers of a folder can be told
        for sure.
        """
        lock = self.data / "postmaster.pid"
        try:
            pid = int(lock.read_text(encoding="ascii").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        stranger = ProcessIdentity.of(pid)
        if sys.platform.startswith("linux") and stranger is not None and not server_processes(self.data):
            lock.unlink()
