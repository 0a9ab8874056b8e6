package provision.request.expiry_test

import data.provision.request.expiry
import rego.v1

given_production_that_goes_away := [
	{"environment": {"name": "live", "tier": "production", "expires_at": "2026-11-22T08:00:00.000+00:00"}},
	{"environment": {"name": "live", "tier": "production", "is_ephemeral": true}},
]

test_production_that_goes_away if expiry.deny == {{
	"code": "production_expires",
	"msg": "Environment live is production, and would expire.",
	"path": ["environment"],
	"remedy": "Order into a production environment without an expiry, or into a preview.",
}}

given_production_that_stays := {"environment": {"tier": "production"}}

test_production_that_stays if count(expiry.deny) == 0

given_a_preview_that_expires := {"environment": {"is_ephemeral": true, "expires_at": "2026-11-22T08:00:00.000+00:00"}}

test_a_preview_that_expires if count(expiry.deny) == 0

given_a_deprovision_of_what_expires := {
	"operation": "deprovision",
	"environment": {"tier": "production", "expires_at": "2026-11-22T08:00:00.000+00:00"},
}

test_a_deprovision_of_what_expires if count(expiry.deny) == 0
