# What the rules of this folder are about: orders and changes. Giving back is never refused, nor is a rotation: a password
# that leaked must not wait for a ticket.
package provision.request.scope

import rego.v1

changes if input.operation in {"provision", "update"}

production if input.environment.tier == "production"
