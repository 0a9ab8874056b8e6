# A small database, as the platform would order it. The verifier below belongs to no password that is in use.

terraform {
  required_version = ">= 1.6.0, < 2.0.0"

  required_providers {
    fleet = {
      source  = "provider.slipway.internal/slipway/fleet"
      version = ">= 1.0.0, < 2.0.0"
    }
  }
}

# Address and credentials of the server come from the platform, never from Terraform.
provider "fleet" {}

module "orders" {
  source = "../.."

  name              = "checkout_dev_orders"
  managed_by        = "example-basic"
  password_verifier = "SCRAM-SHA-256$4096:c2xpcHdheSBleGFtcGxlIQ==$BT3JHPsfrp3raHKPEO3KMZ8bfQY9K1DravXdNEKHnlU=:mb1TdRhv2ug8ic3fCB4aALt1HmioF+rVxUrJ+09oqg0="
  connection_limit  = 10
}

output "orders" {
  description = "Where the database is, and as whom to log in."
  value = {
    host     = module.orders.host
    port     = module.orders.port
    database = module.orders.database
    username = module.orders.username
  }
}
