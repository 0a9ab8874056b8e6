# The one role that logs in. It owns the database, so it may do anything inside it and nothing outside.
resource "fleet_postgres_role" "this" {
  name                      = var.name
  managed_by                = var.managed_by
  password_verifier         = var.password_verifier
  connection_limit          = var.connection_limit
  statement_timeout_seconds = var.statement_timeout_seconds
}

resource "fleet_postgres_database" "this" {
  name             = var.name
  owner            = fleet_postgres_role.this.name
  managed_by       = var.managed_by
  connection_limit = var.connection_limit
}

# An owner has these privileges from the start, but may lose them by hand; spelled out, their loss is seen and repaired.
resource "fleet_postgres_grant" "this" {
  database   = fleet_postgres_database.this.name
  role       = fleet_postgres_role.this.name
  privileges = ["CONNECT", "CREATE", "TEMPORARY"]
}
