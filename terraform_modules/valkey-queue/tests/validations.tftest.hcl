# Each rule of variables.tf has a case that breaks it. Nothing here talks to a server.

mock_provider "fleet" {}

variables {
  name            = "tftest_validations"
  managed_by      = "tftest-validations"
  password_sha256 = "1a4e1cb4f1f7d3d1f3f5ef2a2e1f0e0f1b0b2b6f3f8d1d6c5b4a39281706f5e4" # of a password that is not in use
}

run "rejects_a_name_with_capitals" {
  command = plan

  variables {
    name = "Orders"
  }

  expect_failures = [var.name]
}

run "rejects_a_name_with_a_colon" {
  command = plan

  variables {
    name = "orders:other"
  }

  expect_failures = [var.name]
}

run "rejects_the_name_of_the_default_user" {
  command = plan

  variables {
    name = "default"
  }

  expect_failures = [var.name]
}

run "rejects_the_name_of_the_register" {
  command = plan

  variables {
    name = "slipway"
  }

  expect_failures = [var.name]
}

run "rejects_a_name_of_64_characters" {
  command = plan

  variables {
    name = "a234567890123456789012345678901234567890123456789012345678901234"
  }

  expect_failures = [var.name]
}

run "rejects_a_mark_with_a_space" {
  command = plan

  variables {
    managed_by = "two words"
  }

  expect_failures = [var.managed_by]
}

run "rejects_a_password_in_place_of_its_digest" {
  command = plan

  variables {
    password_sha256 = "correct horse battery staple"
  }

  expect_failures = [var.password_sha256]
}

run "rejects_a_digest_in_capitals" {
  command = plan

  variables {
    password_sha256 = "1A4E1CB4F1F7D3D1F3F5EF2A2E1F0E0F1B0B2B6F3F8D1D6C5B4A39281706F5E4"
  }

  expect_failures = [var.password_sha256]
}

run "rejects_a_digest_of_63_digits" {
  command = plan

  variables {
    password_sha256 = "a4e1cb4f1f7d3d1f3f5ef2a2e1f0e0f1b0b2b6f3f8d1d6c5b4a39281706f5e4"
  }

  expect_failures = [var.password_sha256]
}

run "rejects_a_group_with_capitals" {
  command = plan

  variables {
    consumer_group = "Workers"
  }

  expect_failures = [var.consumer_group]
}

run "rejects_a_group_that_ends_with_a_hyphen" {
  command = plan

  variables {
    consumer_group = "workers-"
  }

  expect_failures = [var.consumer_group]
}

run "rejects_a_group_that_begins_with_an_underscore" {
  command = plan

  variables {
    consumer_group = "_workers"
  }

  expect_failures = [var.consumer_group]
}

run "rejects_a_group_of_64_characters" {
  command = plan

  variables {
    consumer_group = "a234567890123456789012345678901234567890123456789012345678901234"
  }

  expect_failures = [var.consumer_group]
}

run "rejects_no_entry_at_all" {
  command = plan

  variables {
    max_length = 0
  }

  expect_failures = [var.max_length]
}

run "rejects_more_than_a_million_entries" {
  command = plan

  variables {
    max_length = 1000001
  }

  expect_failures = [var.max_length]
}

run "rejects_half_an_entry" {
  command = plan

  variables {
    max_length = 1.5
  }

  expect_failures = [var.max_length]
}

run "rejects_no_memory_at_all" {
  command = plan

  variables {
    max_memory_mib = 0
  }

  expect_failures = [var.max_memory_mib]
}

run "rejects_more_than_a_gibibyte" {
  command = plan

  variables {
    max_memory_mib = 1025
  }

  expect_failures = [var.max_memory_mib]
}

run "rejects_a_fraction_of_a_mebibyte" {
  command = plan

  variables {
    max_memory_mib = 1.5
  }

  expect_failures = [var.max_memory_mib]
}
