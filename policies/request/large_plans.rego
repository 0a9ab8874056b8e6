# Large plans cost what several small ones do; outside of production nobody needs them for long.
package provision.request.large_plans

import data.provision.request.scope
import rego.v1

# From so many quota points on, a plan is large.
large := 8

deny contains finding if {
	scope.changes
	input.plan.points >= large
	not scope.production
	finding := {
		"code": "plan_too_large",
		"msg": sprintf("Plan %s is for production environments; %s is not one.", [input.plan.slug, input.environment.name]),
		"path": ["plan"],
		"remedy": sprintf("Choose a plan of fewer than %d points.", [large]),
	}
}
