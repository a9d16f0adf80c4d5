// depot doctor: what is wrong on this machine, and how to mend it.

import { Command } from 'commander';
import { Home } from '../config/home.ts';
import { DepotError } from '../errors.ts';
import { isLoopbackHost } from '../socks/address.ts';
import type { Status } from '../watch/status.ts';
import { askRunning } from './admin-client.ts';
import {
  checkCertificate,
  checkClock,
  checkDescriptors,
  checkDisk,
  checkHome,
  checkNode,
  readSettings,
} from './doctor/checks.ts';
import type { Finding } from './doctor/finding.ts';
import { checkFirewall } from './doctor/firewall.ts';
import { type Machine, THIS_MACHINE } from './doctor/machine.ts';
import { checkPort, checkServer } from './doctor/network.ts';
import type { Tone } from './layout.ts';
import { print, printJson, table } from './output.ts';
import { homeOption } from './settings.ts';

const FAILED = 1;

/** Undefined where nobody runs with this home. */
const statusOf = async (directory: string): Promise<Status | undefined> => {
  try {
    return await askRunning(directory, (client) => client.status());
  } catch (error) {
    if (error instanceof DepotError && error.code === 'not-found') return undefined;
    throw error;
  }
};

const describeRunning = (status: Status): Finding => {
  const what = 'running';
  if (status.role === 'server' || status.connected) return { what, verdict: 'ok', says: `depot ${status.role}` };
  return {
    what,
    verdict: 'failed',
    says: `depot ${status.role}, not connected${status.lastError === null ? '' : `: ${status.lastError}`}`,
    mend: 'See what is said of the server below, and the log.',
  };
};

/** What only a server has. Ports are looked at where it does not run: one that runs has them. */
const checkServerSide = async (
  settings: Readonly<Record<string, unknown>>,
  runs: boolean,
  machine: Machine,
): Promise<Finding[]> => {
  const { host, socksHost = host, socksPort, controlPort, webDisabled, webHost, webPort, tlsCertificate } = settings;
  const certificate = typeof tlsCertificate === 'string' ? [checkCertificate(tlsCertificate, machine)] : [];
  // A firewall is nobody's trouble where only this machine can come.
  const open = [
    [socksHost, socksPort],
    [host, controlPort],
  ].filter(([address]) => !isLoopbackHost(String(address)));
  const firewall = open.length === 0 ? undefined : checkFirewall(open.map(([, port]) => Number(port)));
  const always = [...certificate, ...(firewall === undefined ? [] : [firewall])];
  if (runs) return always;
  const ports: (readonly [string, unknown, unknown])[] = [
    ['--socks-port', socksHost, socksPort],
    ['--control-port', host, controlPort],
    ...(webDisabled === true ? [] : [['--web-port', webHost, webPort] as const]),
  ];
  const checked = ports.map(([flag, address, port]) => checkPort(flag, String(address), Number(port)));
  return [...(await Promise.all(checked)), ...always];
};

/** Everything that can be looked at in this home, on this machine. */
export const examine = async (directory: string, machine: Machine = THIS_MACHINE): Promise<Finding[]> => {
  const home = Home.at(directory);
  const status = await statusOf(directory);
  const aheadMs = status === undefined || status.role === 'server' ? null : (status.clockAheadMs ?? null);
  const findings: (Finding | undefined)[] = [checkNode(machine), checkHome(directory), checkDisk(home, machine)];
  findings.push(checkDescriptors(machine), checkClock(home, machine, aheadMs));
  if (status !== undefined) findings.push(describeRunning(status));
  // Where nobody has moved in yet, it is a server that would want ports.
  const role = home.role ?? 'server';
  const [configuration, settings] = await readSettings(home, role);
  findings.push(configuration);
  if (role !== 'server') findings.push(...(await checkServer(home, role, machine)));
  else if (settings !== undefined) findings.push(...(await checkServerSide(settings, status !== undefined, machine)));
  return findings.filter((finding) => finding !== undefined);
};

const TONES = { ok: 'good', warning: 'warning', failed: 'bad' } as const satisfies Record<Finding['verdict'], Tone>;

const describe = (findings: readonly Finding[]): string =>
  table({
    rows: findings.flatMap((finding) => [
      [{ text: finding.verdict, tone: TONES[finding.verdict] }, finding.what, finding.says.replaceAll('\n', ' ')],
      ...(finding.verdict === 'ok' ? [] : [['', '', `→ ${finding.mend}`]]),
    ]),
  });

export const doctorCommand = (): Command =>
  new Command('doctor')
    .description(
      "Looks at what can be wrong on this machine: home, disk, limits, clock (against the server's too), configuration, ports, firewall, certificate, and the server as seen from here. Changes nothing; fails where something has to be mended.",
    )
    .addOption(homeOption())
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  depot doctor\n  depot doctor --home /var/lib/depot-local --json')
    .action(async ({ home, json }: { home: string; json?: true }) => {
      const findings = await examine(home);
      if (json === true) printJson(findings);
      else print(describe(findings));
      if (findings.some(({ verdict }) => verdict === 'failed')) process.exitCode = FAILED;
    });
