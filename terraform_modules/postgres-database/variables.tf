variable "name" {
  description = "Name of the database and of the role that owns it: a lower-case letter, then up to 62 lower-case letters, digits or underscores. A new name makes a new, empty database."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.name)) && !startswith(var.name, "pg_")
    error_message = "name must be a lower-case letter, then up to 62 lower-case letters, digits or underscores, and must not begin with pg_."
  }
}

variable "managed_by" {
  description = "Id of the resource that this database belongs to, the same in every run: 1 to 200 letters, digits and _ . : / -. Written into the comments of database and role, by which a later run knows them again."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}$", var.managed_by))
    error_message = "managed_by must be 1 to 200 letters, digits and _ . : / -, beginning with a letter or digit."
  }
}

variable "password_verifier" {
  description = "SCRAM-SHA-256 verifier of the role's password, as PostgreSQL stores it. Never the password itself."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = can(regex("^SCRAM-SHA-256\\$[1-9][0-9]{3,6}:[A-Za-z0-9+/]{22,}={0,2}\\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$", var.password_verifier))
    error_message = "password_verifier must be SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey> with a salt of 16 bytes or more."
  }
}

variable "connection_limit" {
  description = "Most connections to the database at once, 1 to 500 connections."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.connection_limit >= 1 && var.connection_limit <= 500 && floor(var.connection_limit) == var.connection_limit
    error_message = "connection_limit must be a whole number from 1 to 500."
  }
}

variable "statement_timeout_seconds" {
  description = "Seconds after which a statement is canceled, 0 to 86400 seconds; 0 for never. A session may set another time for itself."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.statement_timeout_seconds >= 0 && var.statement_timeout_seconds <= 86400 && floor(var.statement_timeout_seconds) == var.statement_timeout_seconds
    error_message = "statement_timeout_seconds must be a whole number from 0 to 86400; 0 means never."
  }
}
