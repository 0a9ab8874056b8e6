package provision.request.large_plans_test

import data.provision.request.large_plans
import rego.v1

given_a_large_plan_outside_of_production := {"plan": {"slug": "large", "points": 8}}

test_a_large_plan_outside_of_production if large_plans.deny == {{
	"code": "plan_too_large",
	"msg": "Plan large is for production environments; staging is not one.",
	"path": ["plan"],
	"remedy": "Choose a plan of fewer than 8 points.",
}}

given_a_change_to_a_large_plan := {"operation": "update", "plan": {"points": 8}}

test_a_change_to_a_large_plan if count(large_plans.deny) == 1

given_a_large_plan_in_production := {"plan": {"points": 8}, "environment": {"tier": "production"}}

test_a_large_plan_in_production if count(large_plans.deny) == 0

given_the_largest_of_the_others := {"plan": {"points": 7}}

test_the_largest_of_the_others if count(large_plans.deny) == 0

given_a_deprovision_of_a_large_plan := {"operation": "deprovision", "plan": {"points": 8}}

test_a_deprovision_of_a_large_plan if count(large_plans.deny) == 0

given_a_rotation_of_a_large_plan := {"operation": "rotate", "plan": {"points": 8}}

test_a_rotation_of_a_large_plan if count(large_plans.deny) == 0
