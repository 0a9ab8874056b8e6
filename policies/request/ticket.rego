# A change of production can be traced to the work that asked for it.
package provision.request.ticket

import data.provision.request.scope
import rego.v1

deny contains finding if {
	scope.changes
	scope.production
	not named
	finding := {
		"code": "ticket_missing",
		"msg": "A change of production names its ticket.",
		"path": ["ticket"],
		"remedy": "Add the ticket's key, e.g. SHOP-142.",
	}
}

named if {
	is_string(input.ticket)
	regex.match(`^[A-Z][A-Z0-9]{1,9}-[1-9][0-9]{0,6}$`, input.ticket)
}
