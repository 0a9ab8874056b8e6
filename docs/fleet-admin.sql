-- The administrator of a PostgreSQL server on which Slipway makes the databases that people order. Repeatable;
-- PostgreSQL 15 to 18.
--
-- fleet_admin makes databases and roles and hands them out. It is no superuser: it cannot read the server's files, load
-- code, or become a superuser. (Setting FLEET_DATABASE_URL, with the database postgres.)
--
-- Run it with psql 15 or newer as a superuser, or on a managed server as a role with CREATEROLE and CREATEDB. The password
-- is read from the environment, so that it stands on no command line; it may also be a SCRAM verifier:
--
--   FLEET_ADMIN_PASSWORD=... psql --no-psqlrc --dbname="host=... user=... dbname=postgres" --file=docs/fleet-admin.sql
--
-- The local stack runs this same file.

\set ON_ERROR_STOP on
\getenv admin_password FLEET_ADMIN_PASSWORD
\if :{?admin_password}
\else
DO $$ BEGIN RAISE EXCEPTION 'Set FLEET_ADMIN_PASSWORD in the environment of psql.'; END $$;
\endif

SET password_encryption = 'scram-sha-256';
SELECT 'SET log_statement = ''none''' WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec

SELECT 'CREATE ROLE fleet_admin' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fleet_admin') \gexec
ALTER ROLE fleet_admin LOGIN CREATEDB CREATEROLE PASSWORD :'admin_password';

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fleet_admin' AND (rolsuper OR rolreplication OR rolbypassrls)) THEN
    RAISE EXCEPTION 'fleet_admin has more rights than it may have.'
      USING HINT = 'Take SUPERUSER, REPLICATION and BYPASSRLS away from it, then run this again.';
  END IF;
END $$;

-- From 16 on, who makes a role may administer it but neither act as it nor give it a database, unless this is set.
SELECT 'ALTER ROLE fleet_admin SET createrole_self_grant = ''set, inherit'''
WHERE current_setting('server_version_num')::int >= 160000 \gexec

-- Those who order databases share this server: none of them has business in the databases that come with it.
REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE postgres TO fleet_admin;
