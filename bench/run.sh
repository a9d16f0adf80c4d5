#!/bin/sh
# run.sh FILE [ARGUMENT…]: runs the benchmark, or the faults, in namespaces of its own: a network with settings that are the same everywhere (BBR, the default of
# some machines, halves the throughput of loopback), processes that all end when it ends, and a /run that nobody else
# sees. Without the right to make them, it runs as it is, says so, and leaves out the far link.
set -eu
ulimit -n "$(ulimit -Hn)"
PATH="$PATH:/usr/sbin:/sbin"
export PATH
own='--net --mount --pid --fork --mount-proc --kill-child'
# shellcheck disable=SC2086
if unshare $own true 2>/dev/null; then
  export DEPOT_BENCH_PRIVATE=1
  # shellcheck disable=SC2086
  exec unshare $own sh -c 'mount -t tmpfs tmpfs /run; ip link set lo up; "$@"' sh node "$@"
fi
echo 'not allowed to make namespaces: figures depend on the network settings of this machine, and the far link is left out' >&2
exec node "$@"
