// The tests drive the real programs that people use with depot. Runs before them: installs what is missing where it
// can (Debian, as root), says in one line what to install where it cannot. Never lets a test be left out in silence.

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** What has to be there, and the Debian package that brings it; with `--browser` those are browsers, which are large. */
const ALWAYS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['curl', 'curl'],
  ['ncat', 'ncat'],
  ['git', 'git'],
  ['wget', 'wget'],
  ['rsync', 'rsync'],
  ['ssh', 'openssh-client'],
  ['sshd', 'openssh-server'],
  ['proxychains4', 'proxychains4'],
  ['torsocks', 'torsocks'],
  ['transmission-daemon', 'transmission-daemon'],
  ['transmission-remote', 'transmission-cli'],
  ['danted', 'dante-server'],
  ['socksify', 'dante-client'],
  ['tnftp', 'tnftp'],
  ['microsocks', 'microsocks'],
  ['ip', 'iproute2'],
  ['systemd-analyze', 'systemd'],
  ['fail2ban-regex', 'fail2ban'],
  ['openssl', 'openssl'],
  ['man', 'man-db'],
  ['python3', 'python3'],
  ['script', 'bsdutils'],
  ['promtool', 'prometheus'],
  ['zsh', 'zsh'],
  ['fish', 'fish'],
  ['nc', 'netcat-openbsd'],
  ['strace', 'strace'],
  ['dnsmasq', 'dnsmasq-base'],
  ['dig', 'bind9-dnsutils'],
  ['nginx', 'libnginx-mod-stream'],
  ['caddy', 'caddy'],
];
const BROWSERS: typeof ALWAYS = [
  ['chromium', 'chromium'],
  ['firefox-esr', 'firefox-esr'],
];
const PROGRAMS = process.argv.includes('--browser') ? BROWSERS : ALWAYS;
/** Debian keeps daemons where an ordinary user's PATH does not look. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const PYTHON = '/usr/bin/python3';
/** Python modules, and the Debian package that brings each. */
const MODULES: Readonly<Record<string, string>> = {
  socks: 'python3-socks',
  pyftpdlib: 'python3-pyftpdlib',
  prometheus_client: 'python3-prometheus-client',
};

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), ...SBIN];
const find = (program: string): boolean => folders.some((folder) => isExecutable(path.join(folder, program)));

const missingPackages = (): string[] => {
  const missing = PROGRAMS.filter(([program]) => !find(program)).map(([, debianPackage]) => debianPackage);
  const probe = spawnSync(PYTHON, ['-S', '-c', MODULES_PROBE], { encoding: 'utf8' });
  const absent = probe.status === 0 ? probe.stdout.trim().split(' ') : Object.keys(MODULES);
  return [...missing, ...Object.entries(MODULES).flatMap(([module, name]) => (absent.includes(module) ? [name] : []))];
};

/** Looks for the modules without running the site's start-up code, which takes longer than all the rest. */
const MODULES_PROBE = `import sys; sys.path.append("/usr/lib/python3/dist-packages"); import importlib.util as u; print(*[m for m in "${Object.keys(MODULES).join(' ')}".split() if u.find_spec(m) is None])`;

const missing = missingPackages();
if (missing.length > 0 && process.getuid?.() === 0 && find('apt-get')) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  for (const args of [['update'], install]) spawnSync('apt-get', args, { stdio: ['ignore', 2, 2], env });
}
const stillMissing = missing.length > 0 ? missingPackages() : [];
if (stillMissing.length > 0) {
  process.stderr.write(
    `The tests need programs that are not here; on Debian: apt-get update && apt-get install -y --no-install-recommends ${stillMissing.join(' ')}\n`,
  );
  process.exit(1);
}
