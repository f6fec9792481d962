#!/bin/sh
# What the public image does at its start. That one is built with protected mode off, as a container's ports are closed
# to others anyway.
set -eu

if [ "$1" = valkey-server ]; then
  if [ "$(id -u)" = 0 ]; then
    chown valkey .
    exec setpriv --reuid=valkey --regid=valkey --clear-groups -- "$0" "$@"
  fi
  if [ ! -w . ]; then
    echo "error: user $(id -u) cannot write to $PWD" >&2
    exit 1
  fi
  set -- "$@" --protected-mode no
fi
exec "$@"
