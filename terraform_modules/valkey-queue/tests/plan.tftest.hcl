# What the module asks of the provider, without a server.

mock_provider "fleet" {}

variables {
  name            = "tftest_plan"
  managed_by      = "tftest-plan"
  password_sha256 = "1a4e1cb4f1f7d3d1f3f5ef2a2e1f0e0f1b0b2b6f3f8d1d6c5b4a39281706f5e4" # of a password that is not in use
}

run "defaults_are_those_of_a_small_queue" {
  command = plan

  assert {
    condition     = fleet_valkey_stream.this.max_length == 10000 && fleet_valkey_stream.this.max_bytes == 16777216
    error_message = "Without parameters a queue has 10000 entries and 16 MiB."
  }

  assert {
    condition     = output.consumer_group == "workers"
    error_message = "Without a parameter the group is called workers."
  }
}

run "the_user_reaches_the_stream_and_nothing_else" {
  command = plan

  assert {
    condition     = fleet_valkey_user.this.key_patterns == toset(["tftest_plan:stream"])
    error_message = "A pattern would let it make streams that nobody limits."
  }

  assert {
    condition     = !contains(fleet_valkey_user.this.commands, "+del") && !contains(fleet_valkey_user.this.commands, "+eval")
    error_message = "Neither the stream's end nor scripts are the user's."
  }

  assert {
    condition = (
      index(fleet_valkey_user.this.commands, "-xgroup") > index(fleet_valkey_user.this.commands, "+@stream")
      && join(" ", [for rule in fleet_valkey_user.this.commands : rule if startswith(rule, "+xgroup")]) == "+xgroup|delconsumer"
    )
    error_message = "Groups are the platform's: further ones would take memory without a limit."
  }

  assert {
    condition     = fleet_valkey_stream.this.key == output.stream && startswith(output.stream, output.key_prefix)
    error_message = "The stream has the key that the outputs name, under the queue's prefix."
  }
}

run "the_longest_name_and_the_bounds_are_accepted" {
  command = plan

  variables {
    name           = "a23456789012345678901234567890123456789012345678901234567890123"
    consumer_group = "a2345678901234567890123456789_1234567890123456789012345678901-3"
    max_length     = 1000000
    max_memory_mib = 1024
  }

  assert {
    condition     = output.username == var.name && fleet_valkey_stream.this.max_bytes == 1073741824
    error_message = "Name and limits are those that were asked for."
  }
}

run "stream_and_user_carry_the_mark" {
  command = plan

  assert {
    condition     = fleet_valkey_stream.this.managed_by == "tftest-plan" && fleet_valkey_user.this.managed_by == "tftest-plan"
    error_message = "Without it a lost run's work would not be known again."
  }
}
