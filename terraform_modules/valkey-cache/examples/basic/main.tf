# A small cache, as the platform would order it. The digest below belongs to no password that is in use.

terraform {
  required_version = ">= 1.6.0, < 2.0.0"

  required_providers {
    fleet = {
      source  = "provider.slipway.internal/slipway/fleet"
      version = ">= 1.1.0, < 2.0.0"
    }
  }
}

# Address and credentials of the server come from the platform, never from Terraform.
provider "fleet" {}

module "orders" {
  source = "../.."

  name            = "checkout_dev_orders"
  managed_by      = "example-basic"
  password_sha256 = "1a4e1cb4f1f7d3d1f3f5ef2a2e1f0e0f1b0b2b6f3f8d1d6c5b4a39281706f5e4"
  max_memory_mib  = 8
}

output "orders" {
  description = "Where the cache is, and as whom to log in."
  value = {
    host       = module.orders.host
    port       = module.orders.port
    username   = module.orders.username
    key_prefix = module.orders.key_prefix
  }
}
