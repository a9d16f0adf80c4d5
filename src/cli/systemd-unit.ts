// The text of a systemd unit for a role, from what it needs to know and nothing else. Pure.

export type Role = 'server' | 'local' | 'client';
export type Scope = 'system' | 'user';

export interface UnitOptions {
  readonly role: Role;
  readonly scope: Scope;
  /** The program and its first arguments, as absolute paths. */
  readonly command: readonly string[];
  /** What follows the name of the role. */
  readonly args: readonly string[];
  /** Where a user's unit keeps everything; that of the system has a directory of systemd's making. */
  readonly home: string;
}

export const unitNameOf = (role: Role): string => `depot-${role}.service`;

/** The state directory of a system unit, as root finds it. */
export const systemHomeOf = (role: Role): string => `/var/lib/depot-${role}`;

/** One word of ExecStart: systemd.service(5) on quoting and `$`, systemd.unit(5) on `%`. */
const word = (text: string): string => {
  if (/[\n\r]/.test(text)) throw new RangeError('a line break cannot be an argument of a unit');
  const escaped = text.replaceAll(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return `"${escaped}"`;
};

/** What a unit may be forbidden without being root: it needs no namespaces. */
const CONFINED = `NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077`;

/** A user of its own that exists while it runs, a directory of its own, and nothing else to write to. */
const ALONE = (role: Role): string => `DynamicUser=yes
StateDirectory=depot-${role}
StateDirectoryMode=0700
CacheDirectory=depot-${role}
CacheDirectoryMode=0700
Environment=XDG_CACHE_HOME=%C/depot-${role}
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
CapabilityBoundingSet=
AmbientCapabilities=
LimitNOFILE=1048576`;

/**
 * `depot upgrade`: the new process tells systemd that it is the main one now. systemd did not start that one, and would
 * not wait for it: it would send SIGTERM and, at once, SIGKILL. So stopping is a command that waits. Where the main
 * process has ended by itself, there is no MAINPID, and nothing to do.
 */
const SUCCEEDED = `NotifyAccess=all
ExecStop=-/bin/sh -c 'exec 2>/dev/null; kill "$$MAINPID" && while kill -0 "$$MAINPID"; do sleep 0.1; done'
`;

export const unitOf = ({ role, scope, command, args, home }: UnitOptions): string => {
  const isSystem = scope === 'system';
  const start = [...command, role, '--home', isSystem ? systemHomeOf(role) : home, ...args].map(word).join(' ');
  return `[Unit]
Description=depot ${role}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=${start}
ExecReload=/bin/kill -HUP $MAINPID
${role === 'server' ? SUCCEEDED : ''}# What a first start shows once is no business of the journal; the log is on standard error, which would go along.
StandardOutput=null
StandardError=journal
Restart=on-failure
RestartSec=2
# Usage: trying again would change nothing.
RestartPreventExitStatus=2
# Running streams have 30 s to end.
TimeoutStopSec=40
${isSystem ? `${ALONE(role)}\n` : ''}${CONFINED}

[Install]
WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}
`;
};
