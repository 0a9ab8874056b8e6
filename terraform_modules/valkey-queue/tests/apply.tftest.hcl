# A real queue on the server that the provider's credentials name. Terraform destroys it at the end.

variables {
  name            = "tftest_apply_queue"
  managed_by      = "tftest-apply-queue"
  password_sha256 = "1a4e1cb4f1f7d3d1f3f5ef2a2e1f0e0f1b0b2b6f3f8d1d6c5b4a39281706f5e4" # of a password that is not in use
}

run "makes_a_queue_that_can_be_connected_to" {
  assert {
    condition     = output.host != "" && output.port > 0
    error_message = "The outputs say where the queue is."
  }

  assert {
    condition     = fleet_valkey_user.this.login && length(fleet_valkey_user.this.extra_attributes) == 0
    error_message = "The user may log in and has nothing beyond its rules."
  }
}

run "changes_limits_and_group_in_place" {
  variables {
    max_length     = 50000
    consumer_group = "billing"
  }

  assert {
    condition     = fleet_valkey_stream.this.max_length == 50000 && output.consumer_group == "billing"
    error_message = "Limits and group can be changed while the queue is in use."
  }

  assert {
    condition     = output.stream == run.makes_a_queue_that_can_be_connected_to.stream
    error_message = "A new group must not make another queue."
  }
}
