from tests.integration.fleet_valkey import customer, valkey, valkey_initialized, workspace, workspace_make

__all__ = ["customer", "valkey", "valkey_initialized", "workspace", "workspace_make"]
