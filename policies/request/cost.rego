# Somebody should have looked at a bill of this size; by currency, a month.
package provision.request.cost

import data.provision.request.scope
import rego.v1

much := {"EUR": 100, "USD": 110}

warn contains finding if {
	scope.changes
	cost := input.plan.monthly_cost
	to_number(cost.amount) > much[cost.currency]
	finding := {
		"code": "cost_is_high",
		"msg": sprintf("Plan %s costs %s %s a month.", [input.plan.slug, cost.amount, cost.currency]),
		"path": ["plan"],
		"remedy": "See whether a smaller plan will do.",
	}
}

warn contains finding if {
	scope.changes
	cost := input.plan.monthly_cost
	not much[cost.currency]
	finding := {
		"code": "cost_is_unknown",
		"msg": sprintf("No figure says what is much in %s.", [cost.currency]),
		"path": ["plan"],
		"remedy": "Tell the platform team; the order itself is fine.",
	}
}
