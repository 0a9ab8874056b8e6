# What production relies on does not go away by itself.
package provision.request.expiry

import data.provision.request.scope
import rego.v1

deny contains finding if {
	scope.changes
	scope.production
	expires
	finding := {
		"code": "production_expires",
		"msg": sprintf("Environment %s is production, and would expire.", [input.environment.name]),
		"path": ["environment"],
		"remedy": "Order into a production environment without an expiry, or into a preview.",
	}
}

expires if input.environment.expires_at != null

expires if input.environment.is_ephemeral
