-- The two users of Slipway's own database, and the database itself. Repeatable; PostgreSQL 15 to 18.
--
--   slipway_owner  owns the database and runs migrations          (setting DATABASE_OWNER_URL)
--   slipway_app    is who API, dispatcher and workers log in as   (setting DATABASE_URL)
--
-- Neither is a superuser, and the second owns nothing: what it may do with a table is granted by the migration that
-- makes the table. That is what keeps the audit trail append-only even for a process that has gone astray.
--
-- Run it with psql 15 or newer as the server's administrator: a superuser, or on a managed server a role with CREATEROLE
-- and CREATEDB. The passwords are read from the environment, so that they stand on no command line:
--
--   SLIPWAY_OWNER_PASSWORD=... SLIPWAY_APP_PASSWORD=... \
--     psql --no-psqlrc --dbname="host=... user=..." --file=docs/database-users.sql
--
-- Each may also be a SCRAM verifier (SCRAM-SHA-256$4096:...), which PostgreSQL stores as it is; then the password itself
-- never travels. The local stack runs this same file.

\set ON_ERROR_STOP on
\getenv owner_password SLIPWAY_OWNER_PASSWORD
\getenv app_password SLIPWAY_APP_PASSWORD
\if :{?owner_password}
\else
DO $$ BEGIN RAISE EXCEPTION 'Set SLIPWAY_OWNER_PASSWORD in the environment of psql.'; END $$;
\endif
\if :{?app_password}
\else
DO $$ BEGIN RAISE EXCEPTION 'Set SLIPWAY_APP_PASSWORD in the environment of psql.'; END $$;
\endif

-- A password given in clear is hashed with SCRAM whatever the server's default; the statement with it is not logged
-- where the administrator may say so.
SET password_encryption = 'scram-sha-256';
SELECT 'SET log_statement = ''none''' WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec

SELECT 'CREATE ROLE slipway_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'slipway_owner') \gexec
SELECT 'CREATE ROLE slipway_app' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'slipway_app') \gexec
ALTER ROLE slipway_owner LOGIN PASSWORD :'owner_password';
ALTER ROLE slipway_app LOGIN PASSWORD :'app_password';

-- Attributes are checked, not taken away: on a managed server only its operator may name some of them.
DO $$
DECLARE
  culprit name;
BEGIN
  SELECT rolname INTO culprit FROM pg_roles
  WHERE rolname IN ('slipway_owner', 'slipway_app')
    AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% has more rights than it may have.', culprit
      USING HINT = 'Take SUPERUSER, CREATEDB, CREATEROLE, REPLICATION and BYPASSRLS away from it, then run this again.';
  END IF;
  IF pg_has_role('slipway_app', 'slipway_owner', 'MEMBER') THEN
    RAISE EXCEPTION 'slipway_app is a member of slipway_owner and could act as the owner.'
      USING HINT = 'REVOKE slipway_owner FROM slipway_app, then run this again.';
  END IF;
END $$;

-- An administrator who is no superuser must be a member of the owner to give it a database (PostgreSQL 16 and newer).
SELECT 'GRANT slipway_owner TO CURRENT_USER' WHERE NOT pg_has_role(current_user, 'slipway_owner', 'USAGE') \gexec
SELECT 'CREATE DATABASE slipway OWNER slipway_owner ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'slipway') \gexec

-- Everybody may connect to a new database and make temporary tables in it. Here only these two may connect.
REVOKE ALL ON DATABASE slipway FROM PUBLIC;
GRANT CONNECT ON DATABASE slipway TO slipway_app;

-- A transaction of the application holds quota and run rows for milliseconds. One that sits idle for a minute belongs to
-- a process that hangs, and keeps all others waiting; one that waits ten seconds for a lock does better to fail and be
-- repeated than to hold its thread.
ALTER ROLE slipway_app IN DATABASE slipway SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE slipway_app IN DATABASE slipway SET lock_timeout = '10s';
-- A migration that waits for an exclusive lock makes every later query on the table wait behind it: it gives up early
-- and is run again. Between two statements it may compute for a while.
ALTER ROLE slipway_owner IN DATABASE slipway SET idle_in_transaction_session_timeout = '10min';
ALTER ROLE slipway_owner IN DATABASE slipway SET lock_timeout = '5s';

\connect slipway
-- The owner of the database owns the schema public (PostgreSQL 15 and newer); the application may look inside.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO slipway_app;
