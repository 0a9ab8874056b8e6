output "host" {
  description = "Host name or address to connect to."
  value       = fleet_valkey_user.this.host
}

output "port" {
  description = "TCP port to connect to."
  value       = fleet_valkey_user.this.port
}

output "username" {
  description = "User to log in as."
  value       = fleet_valkey_user.this.name
}

output "key_prefix" {
  description = "What every key must begin with; others are refused."
  value       = fleet_valkey_keyspace.this.prefix
}
