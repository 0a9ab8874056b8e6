locals {
  # Nothing that reaches beyond the one key, no scripts (they would stop the server for everybody), and neither DEL nor
  # EXPIRE: the stream goes away with the queue. XSETID would forge what monitoring reads. Of XGROUP no more than to give
  # up a consumer: the group is the platform's, and further ones would take memory that no limit knows.
  commands = [
    "+@stream", "-xsetid", "-xgroup", "+xgroup|delconsumer", "+@transaction", "+exists", "+type", "+memory|usage",
    "+ping", "+echo", "+select|0", "+client|setinfo", "+client|setname", "+client|getname", "+client|id",
  ]
}

resource "fleet_valkey_stream" "this" {
  key        = "${var.name}:stream"
  managed_by = var.managed_by
  group      = var.consumer_group
  max_length = var.max_length
  max_bytes  = var.max_memory_mib * 1024 * 1024
}

# The one key it may touch is named outright: with a pattern it could make further streams, without any limit.
resource "fleet_valkey_user" "this" {
  name            = var.name
  managed_by      = var.managed_by
  password_sha256 = var.password_sha256
  key_patterns    = [fleet_valkey_stream.this.key]
  commands        = local.commands
}
