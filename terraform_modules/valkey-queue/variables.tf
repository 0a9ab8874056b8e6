variable "name" {
  description = "Name of the user, and what every key of the queue begins with: a lower-case letter, then up to 62 lower-case letters, digits or underscores. A new name makes a new, empty queue."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.name)) && !contains(["default", "slipway"], var.name)
    error_message = "name must be a lower-case letter, then up to 62 lower-case letters, digits or underscores, and neither default nor slipway."
  }
}

variable "managed_by" {
  description = "Id of the resource that this queue belongs to, the same in every run: 1 to 200 letters, digits and _ . : / -. Kept on the server beside user and stream, by which a later run knows them again."
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

variable "consumer_group" {
  description = "Name of the consumer group that reads the queue: up to 63 lower-case letters, digits, hyphens and underscores, beginning with a letter and ending with a letter or digit. A new name goes on where the old group stopped."
  type        = string
  default     = "workers"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9_-]{0,61}[a-z0-9])?$", var.consumer_group))
    error_message = "consumer_group must be up to 63 lower-case letters, digits, hyphens and underscores, beginning with a letter and ending with a letter or digit."
  }
}

variable "max_length" {
  description = "Most entries of the queue, 1 to 1000000 entries. Beyond it the oldest are removed, read or not."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.max_length >= 1 && var.max_length <= 1000000 && floor(var.max_length) == var.max_length
    error_message = "max_length must be a whole number from 1 to 1000000 entries."
  }
}

variable "max_memory_mib" {
  description = "Most memory of the queue, 1 to 1024 MiB. Beyond it the oldest entries are removed, read or not."
  type        = number
  default     = 16
  nullable    = false

  validation {
    condition     = var.max_memory_mib >= 1 && var.max_memory_mib <= 1024 && floor(var.max_memory_mib) == var.max_memory_mib
    error_message = "max_memory_mib must be a whole number from 1 to 1024 MiB."
  }
}
