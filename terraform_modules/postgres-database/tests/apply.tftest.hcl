# A real database on the server that the provider's credentials name. Terraform destroys it at the end.

variables {
  name              = "tftest_apply"
  managed_by        = "tftest-apply"
  password_verifier = "SCRAM-SHA-256$4096:c2xpcHdheSBleGFtcGxlIQ==$BT3JHPsfrp3raHKPEO3KMZ8bfQY9K1DravXdNEKHnlU=:mb1TdRhv2ug8ic3fCB4aALt1HmioF+rVxUrJ+09oqg0=" # of a password that is not in use
}

run "makes_a_database_that_can_be_connected_to" {
  assert {
    condition     = output.host != "" && output.port > 0
    error_message = "The outputs say where the database is."
  }

  assert {
    condition     = length(fleet_postgres_database.this.public_privileges) == 0
    error_message = "Nobody but the owner may enter."
  }
}

run "raises_the_limits_in_place" {
  variables {
    connection_limit          = 50
    statement_timeout_seconds = 0
  }

  assert {
    condition     = fleet_postgres_role.this.connection_limit == 50 && fleet_postgres_role.this.statement_timeout_seconds == 0
    error_message = "Both limits can be changed while the database is in use."
  }

  assert {
    condition     = output.database == run.makes_a_database_that_can_be_connected_to.database
    error_message = "A new limit must not make another database."
  }
}
