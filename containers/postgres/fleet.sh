#!/bin/sh
# At the first start of the fleet's database server: its administrator, by the documented file.
set -eu
FLEET_ADMIN_PASSWORD=$(cat /run/secrets/fleet_db_admin_verifier) \
    psql --no-psqlrc --quiet --username=postgres --dbname=postgres --file=/slipway/fleet-admin.sql
