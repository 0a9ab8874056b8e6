locals {
  # What reads, writes and expires one's own keys. Left out: scripts and functions (they would stop the server for
  # everybody), SCAN, KEYS and DBSIZE (they show everybody's keys), publish and subscribe, and what takes much memory or
  # time in one call (SETRANGE, bitmaps, LCS).
  commands = [
    "+@string", "-setrange", "-lcs", "+@hash", "+@list", "+@set", "+@sortedset", "+@hyperloglog", "+@transaction",
    "+del", "+unlink", "+exists", "+touch", "+type", "+memory|usage", "+object|idletime",
    "+expire", "+pexpire", "+expireat", "+pexpireat", "+expiretime", "+pexpiretime", "+persist", "+ttl", "+pttl",
    "+ping", "+echo", "+select|0", "+client|setinfo", "+client|setname", "+client|getname", "+client|id",
  ]
}

resource "fleet_valkey_keyspace" "this" {
  prefix     = "${var.name}:"
  managed_by = var.managed_by
  max_bytes  = var.max_memory_mib * 1024 * 1024
}

resource "fleet_valkey_user" "this" {
  name            = var.name
  managed_by      = var.managed_by
  password_sha256 = var.password_sha256
  key_patterns    = ["${fleet_valkey_keyspace.this.prefix}*"]
  commands        = local.commands
}
