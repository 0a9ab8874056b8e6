terraform {
  required_version = ">= 1.6.0, < 2.0.0"

  required_providers {
    fleet = {
      source  = "provider.slipway.internal/slipway/fleet"
      version = ">= 1.1.0, < 2.0.0"
    }
  }
}
