# A real cache on the server that the provider's credentials name. Terraform destroys it at the end.

variables {
  name            = "tftest_apply_cache"
  managed_by      = "tftest-apply-cache"
  password_sha256 = "1a4e1cb4f1f7d3d1f3f5ef2a2e1f0e0f1b0b2b6f3f8d1d6c5b4a39281706f5e4" # of a password that is not in use
}

run "makes_a_cache_that_can_be_connected_to" {
  assert {
    condition     = output.host != "" && output.port > 0
    error_message = "The outputs say where the cache is."
  }

  assert {
    condition     = fleet_valkey_user.this.login && length(fleet_valkey_user.this.extra_attributes) == 0
    error_message = "The user may log in and has nothing beyond its rules."
  }
}

run "raises_the_limit_in_place" {
  variables {
    max_memory_mib = 128
  }

  assert {
    condition     = fleet_valkey_keyspace.this.max_bytes == 134217728
    error_message = "The limit can be changed while the cache is in use."
  }

  assert {
    condition     = output.key_prefix == run.makes_a_cache_that_can_be_connected_to.key_prefix
    error_message = "A new limit must not make another cache."
  }
}
