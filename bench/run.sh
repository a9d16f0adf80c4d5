#!/bin/sh
# Runs the benchmark in a network namespace of its own, where congestion control is reno: BBR, the default of some
# machines, halves the throughput of loopback. Without the right to make one, it runs as it is and says so.
set -eu
ulimit -n "$(ulimit -Hn)"
here=$(dirname "$0")
if unshare --net true 2>/dev/null; then
  exec unshare --net sh -c 'ip link set lo up; echo reno > /proc/sys/net/ipv4/tcp_congestion_control; exec "$@"' sh node "$here/main.ts" "$@"
fi
echo 'not allowed to make a network namespace: figures depend on the congestion control of this machine' >&2
exec node "$here/main.ts" "$@"
