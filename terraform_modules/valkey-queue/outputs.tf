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

output "stream" {
  description = "Key of the stream that holds the queue."
  value       = fleet_valkey_stream.this.key
}

output "consumer_group" {
  description = "Consumer group that reads it; it is there already."
  value       = fleet_valkey_stream.this.group
}

output "key_prefix" {
  description = "What every key of the queue begins with."
  value       = "${fleet_valkey_user.this.name}:"
}
