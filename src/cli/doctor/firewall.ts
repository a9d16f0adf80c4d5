// Whether a firewall of this machine may be in the way: a hint by what its own program says, and never more than that.

import { spawnSync } from 'node:child_process';
import { type Finding, ok, warning } from './finding.ts';

interface Firewall {
  readonly program: string;
  readonly args: readonly string[];
  /** Whether it turns away what no rule names. */
  readonly isClosed: RegExp;
  readonly open: (ports: readonly number[]) => string;
}

const each = (ports: readonly number[], command: (port: number) => string): string => ports.map(command).join('; ');

const FIREWALLS: readonly Firewall[] = [
  {
    program: 'ufw',
    args: ['status'],
    isClosed: /^Status: active$/m,
    open: (ports) => each(ports, (port) => `ufw allow ${port}/tcp`),
  },
  {
    program: 'firewall-cmd',
    args: ['--list-all'],
    isClosed: /^ {2}target: (?!ACCEPT)/m,
    open: (ports) => each(ports, (port) => `firewall-cmd --permanent --add-port=${port}/tcp`),
  },
  {
    program: 'nft',
    args: ['list', 'ruleset'],
    isClosed: /hook input [^\n]*policy drop/,
    open: (ports) => `a rule in that chain: tcp dport { ${ports.join(', ')} } accept`,
  },
  {
    program: 'iptables',
    args: ['-S', 'INPUT'],
    isClosed: /^-P INPUT DROP$/m,
    open: (ports) => each(ports, (port) => `iptables -I INPUT -p tcp --dport ${port} -j ACCEPT`),
  },
];
const LONGEST_MS = 2000;

/** Undefined where there is nothing to say: no firewall, or one that we may not look at. */
export const checkFirewall = (ports: readonly number[]): Finding | undefined => {
  for (const { program, args, isClosed, open } of FIREWALLS) {
    const { stdout } = spawnSync(program, args, { encoding: 'utf8', timeout: LONGEST_MS });
    if (typeof stdout !== 'string' || !isClosed.test(stdout)) continue;
    const unnamed = ports.filter((port) => !new RegExp(String.raw`\b${port}\b`).test(stdout));
    if (unnamed.length === 0) return ok('firewall', `${program} has rules for ${ports.join(', ')}`);
    const says = `${program} turns away what no rule names, and none names ${unnamed.join(', ')}`;
    return warning('firewall', says, `Where others cannot reach it: ${open(unnamed)}`);
  }
  return undefined;
};
