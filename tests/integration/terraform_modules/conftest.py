from tests.integration.fleet import cli_configuration, credentials_file, fleet

__all__ = ["cli_configuration", "credentials_file", "fleet"]
