#!/bin/sh
# Start a Valkey with the users of a secret. The list is copied once: afterwards it is the server's own, and ACL SAVE
# writes the users that are added later into it.
#
# SERVER_MAXMEMORY is what it may take (0: no limit), SERVER_MAXMEMORY_POLICY what makes room then. Neither evicts a queue:
# a stream has no time to live.
#
# usage: start.sh SECRET
set -eu
umask 077
if [ ! -e /data/users.acl ]; then
    cp "/run/secrets/$1" /data/users.acl.new
    chmod 600 /data/users.acl.new
    mv /data/users.acl.new /data/users.acl
fi
exec valkey-server --dir /data --aclfile /data/users.acl --protected-mode yes \
    --appendonly yes --appendfsync everysec --save "" \
    --maxmemory "${SERVER_MAXMEMORY:-0}" --maxmemory-policy "${SERVER_MAXMEMORY_POLICY:-noeviction}"
