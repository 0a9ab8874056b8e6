# What the module asks of the provider, without a server.

mock_provider "fleet" {}

variables {
  name            = "tftest_plan"
  managed_by      = "tftest-plan"
  password_sha256 = "1a4e1cb4f1f7d3d1f3f5ef2a2e1f0e0f1b0b2b6f3f8d1d6c5b4a39281706f5e4" # of a password that is not in use
}

run "the_default_is_that_of_a_small_cache" {
  command = plan

  assert {
    condition     = fleet_valkey_keyspace.this.max_bytes == 33554432
    error_message = "Without a parameter a cache has 32 MiB."
  }
}

run "the_user_reaches_the_keyspace_and_nothing_else" {
  command = plan

  assert {
    condition     = fleet_valkey_user.this.key_patterns == toset(["tftest_plan:*"]) && output.key_prefix == "tftest_plan:"
    error_message = "Every key begins with the prefix that the outputs name."
  }

  assert {
    condition     = length(setintersection(fleet_valkey_user.this.commands, ["+eval", "+scan", "+keys", "+flushall", "+@all", "+@keyspace"])) == 0
    error_message = "No scripts, and nothing that shows or takes the keys of others."
  }
}

run "the_longest_name_and_the_bounds_are_accepted" {
  command = plan

  variables {
    name           = "a23456789012345678901234567890123456789012345678901234567890123"
    max_memory_mib = 2048
  }

  assert {
    condition     = output.username == var.name && fleet_valkey_keyspace.this.max_bytes == 2147483648
    error_message = "Name and limit are those that were asked for."
  }
}

run "keyspace_and_user_carry_the_mark" {
  command = plan

  assert {
    condition     = fleet_valkey_keyspace.this.managed_by == "tftest-plan" && fleet_valkey_user.this.managed_by == "tftest-plan"
    error_message = "Without it a lost run's work would not be known again."
  }
}
