# What the module asks of the provider, without a server.

mock_provider "fleet" {}

variables {
  name              = "tftest_plan"
  managed_by        = "tftest-plan"
  password_verifier = "SCRAM-SHA-256$4096:c2xpcHdheSBleGFtcGxlIQ==$BT3JHPsfrp3raHKPEO3KMZ8bfQY9K1DravXdNEKHnlU=:mb1TdRhv2ug8ic3fCB4aALt1HmioF+rVxUrJ+09oqg0=" # of a password that is not in use
}

run "defaults_are_those_of_a_small_database" {
  command = plan

  assert {
    condition     = fleet_postgres_role.this.connection_limit == 20 && fleet_postgres_role.this.statement_timeout_seconds == 60
    error_message = "Without parameters a database has 20 connections and statements of 60 seconds."
  }
}

run "the_connection_limit_holds_for_role_and_database" {
  command = plan

  variables {
    connection_limit = 7
  }

  assert {
    condition     = fleet_postgres_role.this.connection_limit == 7 && fleet_postgres_database.this.connection_limit == 7
    error_message = "One limit is meant for both; the database's alone would let the role crowd other databases."
  }
}

run "the_longest_name_and_the_bounds_are_accepted" {
  command = plan

  variables {
    name                      = "a23456789012345678901234567890123456789012345678901234567890123"
    connection_limit          = 500
    statement_timeout_seconds = 0
  }

  assert {
    condition     = output.database == var.name && output.username == var.name
    error_message = "Database and role carry the name that was asked for."
  }
}

run "the_role_owns_the_database_and_both_carry_the_mark" {
  command = plan

  assert {
    condition     = fleet_postgres_database.this.owner == var.name
    error_message = "The role is the database's owner."
  }

  assert {
    condition     = fleet_postgres_database.this.managed_by == "tftest-plan" && fleet_postgres_role.this.managed_by == "tftest-plan"
    error_message = "Without the same mark on both, the grant between them is refused."
  }
}
