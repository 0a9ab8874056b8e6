variable "name" {
  description = "Name of the user, and what every key of the cache begins with: a lower-case letter, then up to 62 lower-case letters, digits or underscores. A new name makes a new, empty cache."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.name)) && !contains(["default", "slipway"], var.name)
    error_message = "name must be a lower-case letter, then up to 62 lower-case letters, digits or underscores, and neither default nor slipway."
  }
}

variable "managed_by" {
  description = "Id of the resource that this cache belongs to, the same in every run: 1 to 200 letters, digits and _ . : / -. Kept on the server beside user and keys, by which a later run knows them again."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}$", var.managed_by))
    error_message = "managed_by must be 1 to 200 letters, digits and _ . : / -, beginning with a letter or digit."
  }
}

variable "password_sha256" {
  description = "SHA-256 of the user's password as 64 lower-case hex digits. Never the password itself, which must be random: the digest has no salt."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.password_sha256))
    error_message = "password_sha256 must be 64 lower-case hex digits."
  }
}

variable "max_memory_mib" {
  description = "Most memory of all keys together, 1 to 2048 MiB. Beyond it keys are removed at random."
  type        = number
  default     = 32
  nullable    = false

  validation {
    condition     = var.max_memory_mib >= 1 && var.max_memory_mib <= 2048 && floor(var.max_memory_mib) == var.max_memory_mib
    error_message = "max_memory_mib must be a whole number from 1 to 2048 MiB."
  }
}
