from tests.integration.fleet import (
    cli_configuration,
    credentials_file,
    fleet,
    initialized,
    workspace,
    workspace_make,
    zygote,
)

__all__ = [
    "cli_configuration",
    "credentials_file",
    "fleet",
    "initialized",
    "workspace",
    "workspace_make",
    "zygote",
]
