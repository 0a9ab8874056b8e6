"""How commands and parts learn to reach the stack: a file of settings, all paths or harmless values."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from types import MappingProxyType

from platform_api.embedded.folder import VARIABLE, StateFolder, private_write
from platform_api.embedded.secret_files import password_make, sealing_keys_make, secret_once
from platform_api.embedded.traces import MARKER_VARIABLE

# Settings whose values are secret; each is handed on as NAME_FILE.
SECRET_SETTINGS = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "FLEET_DATABASE_URL",
    "FLEET_VALKEY_URL",
    "SECRET_KEY",
    "SLIPWAY_SEALING_KEYS",
    "SLIPWAY_METRICS_TOKEN",
    "SLIPWAY_OIDC_CLIENT_SECRET",
)
API_URL = "SLIPWAY_API_URL"
# On a person's machine there is no TLS in front and nobody runs collectstatic.
_DEFAULTS = {"DJANGO_SETTINGS_MODULE": "platform_api.settings.development"}
_OWNER_SETTINGS = frozenset({"DATABASE_OWNER_URL", "DATABASE_OWNER_URL_FILE"})
_MADE = {"SECRET_KEY": password_make, "SLIPWAY_SEALING_KEYS": sealing_keys_make}

_ALLOWED_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("PYTHONPATH", "SECRET_KEY", "SECRET_KEY_FILE", "TERRAFORM_BIN"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    }
)
_ALLOWED_PREFIXES = ("SLIPWAY_", "DJANGO_", "LC_")
_ALLOWED_SUFFIXES = ("_URL", "_URL_FILE")


def load_into(environ: MutableMapping[str, str], *, folder: StateFolder | None = None) -> None:
    """Point a process to the local stack, where nothing else says which database to use.

    Does nothing when ``DATABASE_URL`` or ``DATABASE_URL_FILE`` is set, or when no stack was ever started. A
    setting that is there already wins, in either of its forms.

    Args:
        environ: What to add to; ``os.environ`` in ``manage.py``.
        folder: The stack's folder; by default the one that ``environ`` names.
    """
    if environ.get("DATABASE_URL") or environ.get("DATABASE_URL_FILE"):
        return
    for name, value in environment_read(folder or StateFolder.of(environ)).items():
        plain = name.removesuffix("_FILE")
        if not environ.get(plain) and not environ.get(f"{plain}_FILE"):
            environ[name] = value


def environment_read(folder: StateFolder) -> dict[str, str]:
    """Read the file; empty when there is none."""
    try:
        text = folder.environment.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, separator, value in pairs if separator}


def secret_read(name: str, environ: Mapping[str, str], *, folder: StateFolder) -> str | None:
    """Read a secret setting where a command of this caller would find it; None where it is not set.

    Args:
        name: One of ``SECRET_SETTINGS``.
        environ: The caller's environment; where it names no database, the stack's file completes it.
        folder: The stack's folder.

    Raises:
        OSError: The file that it names cannot be read.
    """
    settings = dict(environ)
    load_into(settings, folder=folder)
    if path := settings.get(f"{name}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return settings.get(name) or None


def environment_write(
    folder: StateFolder,
    *,
    urls: Mapping[str, str],
    api_url: str | None,
    environ: Mapping[str, str],
    programs: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Write the file, and a secret file for each setting that is no file yet.

    Args:
        folder: The stack's folder.
        urls: Addresses of the servers that the stack runs itself, by setting.
        api_url: Where the API answers; ``None`` when it is not part of the stack.
        environ: Settings of the caller, which replace the stack's own.
        programs: Where programs are that nobody else would find, by setting.

    Returns:
        What was written, by name.
    """
    entries = {}
    for name in SECRET_SETTINGS:
        if given := environ.get(f"{name}_FILE"):
            entries[f"{name}_FILE"] = str(Path(given).absolute())
            continue
        path = folder.secrets / name.lower()
        if value := environ.get(name) or urls.get(name):
            private_write(path, value + "\n")
        elif name in _MADE:
            secret_once(path, _MADE[name])
        else:  # the owner of a database that is not ours was not told
            continue
        entries[f"{name}_FILE"] = str(path)
    if api_url is not None:
        entries[API_URL] = api_url
    entries |= programs
    lines = ["# Written at each start of the local stack.", *(f"{name}={entries[name]}" for name in entries)]
    private_write(folder.environment, "\n".join(lines) + "\n")
    return entries


def caller_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Select what a program of Slipway may see of its caller's environment: an allow-list."""
    return {
        name: value
        for name, value in environ.items()
        if name in _ALLOWED_NAMES or name.startswith(_ALLOWED_PREFIXES) or name.endswith(_ALLOWED_SUFFIXES)
    }


def application_environment(
    environ: Mapping[str, str], *, entries: Mapping[str, str], folder: StateFolder, stack: str, is_owner: bool
) -> dict[str, str]:
    """Build the whole environment of an application part.

    Args:
        environ: The caller's environment.
        entries: What the stack's environment file holds; a secret stands there as a file, and its plain twin,
            if the caller gave one, is left out: what a process carries in its environment, its children can
            read.
        folder: The stack's folder.
        stack: The stack's random name, the mark of its processes.
        is_owner: Whether it may act as the owner of the tables: a preparation may, a part that runs may not.
    """
    covered = {name.removesuffix("_FILE") for name in entries}
    kept = {
        name: value for name, value in caller_environment(environ).items() if name.removesuffix("_FILE") not in covered
    }
    ours = {VARIABLE: str(folder.path), MARKER_VARIABLE: stack, "PYTHONUNBUFFERED": "1"}
    told = {**_DEFAULTS, **kept, **entries, **ours}
    return told if is_owner else {name: value for name, value in told.items() if name not in _OWNER_SETTINGS}
