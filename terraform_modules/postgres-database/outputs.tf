output "host" {
  description = "Host name or address to connect to."
  value       = fleet_postgres_database.this.host
}

output "port" {
  description = "TCP port to connect to."
  value       = fleet_postgres_database.this.port
}

output "database" {
  description = "Name of the database."
  value       = fleet_postgres_database.this.name
}

output "username" {
  description = "Role to log in as; it owns the database."
  value       = fleet_postgres_role.this.name

  # A user name is of use only once the role may connect.
  depends_on = [fleet_postgres_grant.this]
}
