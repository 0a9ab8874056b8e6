# Each rule of variables.tf has a case that breaks it. Nothing here talks to a server.

mock_provider "fleet" {}

variables {
  name              = "tftest_validations"
  managed_by        = "tftest-validations"
  password_verifier = "SCRAM-SHA-256$4096:c2xpcHdheSBleGFtcGxlIQ==$BT3JHPsfrp3raHKPEO3KMZ8bfQY9K1DravXdNEKHnlU=:mb1TdRhv2ug8ic3fCB4aALt1HmioF+rVxUrJ+09oqg0=" # of a password that is not in use
}

run "rejects_a_name_with_capitals" {
  command = plan

  variables {
    name = "Orders"
  }

  expect_failures = [var.name]
}

run "rejects_a_name_that_postgresql_reserves" {
  command = plan

  variables {
    name = "pg_orders"
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

run "rejects_a_password_in_place_of_its_verifier" {
  command = plan

  variables {
    password_verifier = "correct horse battery staple"
  }

  expect_failures = [var.password_verifier]
}

run "rejects_a_verifier_with_a_short_salt" {
  command = plan

  variables {
    password_verifier = "SCRAM-SHA-256$4096:c2hvcnQ=$BT3JHPsfrp3raHKPEO3KMZ8bfQY9K1DravXdNEKHnlU=:mb1TdRhv2ug8ic3fCB4aALt1HmioF+rVxUrJ+09oqg0="
  }

  expect_failures = [var.password_verifier]
}

run "rejects_no_connection_at_all" {
  command = plan

  variables {
    connection_limit = 0
  }

  expect_failures = [var.connection_limit]
}

run "rejects_more_than_500_connections" {
  command = plan

  variables {
    connection_limit = 501
  }

  expect_failures = [var.connection_limit]
}

run "rejects_half_a_connection" {
  command = plan

  variables {
    connection_limit = 1.5
  }

  expect_failures = [var.connection_limit]
}

run "rejects_a_negative_timeout" {
  command = plan

  variables {
    statement_timeout_seconds = -1
  }

  expect_failures = [var.statement_timeout_seconds]
}

run "rejects_a_timeout_longer_than_a_day" {
  command = plan

  variables {
    statement_timeout_seconds = 86401
  }

  expect_failures = [var.statement_timeout_seconds]
}

run "rejects_a_fractional_timeout" {
  command = plan

  variables {
    statement_timeout_seconds = 0.5
  }

  expect_failures = [var.statement_timeout_seconds]
}
