#!/bin/sh
# At the first start of the control database: its two users, by the documented file. What the server learns of their
# passwords are verifiers; the passwords themselves never come here.
set -eu
SLIPWAY_OWNER_PASSWORD=$(cat /run/secrets/db_owner_verifier) \
SLIPWAY_APP_PASSWORD=$(cat /run/secrets/db_app_verifier) \
    psql --no-psqlrc --quiet --username=postgres --dbname=postgres --file=/slipway/database-users.sql
