# systemctl start|restart|stop NAME, as far as a page needs it: runs what the unit of Debian says, as the user that it
# says, and returns when that listens. (world.ts puts #! before it.)
set -eu
name=$2 unit=/lib/systemd/system/$2.service pid=/run/$2.main
listens() { ss -Hltnp | grep -q "pid=$(cat "$pid"),"; }
say() { sed -n "s/^$1=-\{0,1\}//p" "$unit" | tail -n 1; }
if [ -e "$pid" ]; then
  kill "$(cat "$pid")" || true
  while listens; do sleep 0.05; done
  rm "$pid"
fi
[ "$1" = stop ] && exit 0
command=$(say ExecStart | sed 's/daemon on;/daemon off;/')
user=$(say User)
if [ -n "$user" ]; then
  as="--reuid $user --regid $user --init-groups --inh-caps +net_bind_service --ambient-caps +net_bind_service"
  command="setpriv $as env HOME=$(getent passwd "$user" | cut -d: -f6) $command"
fi
sh -c "exec $command" > "/run/$name.log" 2>&1 < /dev/null &
echo $! > "$pid"
tries=0
until listens; do
  tries=$((tries + 1))
  kill -0 "$(cat "$pid")" && [ $tries -lt 200 ] || { cat "/run/$name.log" >&2; exit 1; }
  sleep 0.05
done
