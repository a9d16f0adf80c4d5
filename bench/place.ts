// Where the processes of a run live: both sides of a contestant on one loopback, or each in a network namespace of its
// own with a far link between them. Knows nothing of who is measured.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { killTree } from './processes.ts';

/** One side of the link: the public one or the private one. */
export interface Side {
  /** How the other side reaches it. */
  readonly address: string;
  /** Says nothing on this terminal unless it is to be talked to by `pipe`. */
  readonly spawn: (command: string, args: readonly string[], output?: 'ignore' | 'pipe') => ChildProcess;
}

export interface App {
  /** On the private side; `127.0.0.1` to whoever is there too. */
  readonly port: number;
}

export interface Place {
  readonly server: Side;
  readonly local: Side;
  /** Ends the link, if there is one. */
  readonly close: () => void;
}

export interface FarLink {
  readonly roundTripMs: number;
  readonly lossPercent: number;
  readonly megabitPerSecond: number;
  /** How long a packet may wait for its turn before the queue drops it. */
  readonly queueMs: number;
}

const LOOPBACK: Side = {
  address: '127.0.0.1',
  spawn: (command, args, output = 'ignore') =>
    spawn(command, args, { stdio: output === 'pipe' ? ['pipe', 'pipe', 'inherit'] : 'ignore' }),
};

export const onLoopback = (): Place => ({ server: LOOPBACK, local: LOOPBACK, close: () => undefined });

/** A network namespace is given by its file, which `ip netns add` makes. */
const inNamespace = (name: string, address: string): Side => ({
  address,
  spawn: (command, args, output) =>
    LOOPBACK.spawn('nsenter', [`--net=${path.join('/run/netns', name)}`, command, ...args], output),
});

/** What holds on either kind of place, so that no machine's own settings take part. */
export const NETWORK_SETTINGS = {
  'tcp_congestion_control': 'reno',
  'tcp_rmem': '4096 131072 6291456',
  'tcp_wmem': '4096 16384 4194304',
  // Otherwise one contestant's losses set the slow start of the next one.
  'tcp_no_metrics_save': '1',
} as const;

const must = (command: string, args: readonly string[]): void => {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
};

const NAMES = ['server', 'local'] as const;

const makeNamespace = (name: string): void => {
  must('ip', ['netns', 'add', name]);
  const settings = Object.entries(NETWORK_SETTINGS).map(([key, value]) => `echo ${value} >/proc/sys/net/ipv4/${key}`);
  const commands = ['ip link set lo up', ...settings].join(' && ');
  must('nsenter', [`--net=/run/netns/${name}`, 'sh', '-c', commands]);
};

/** Applies the settings to the namespace that this process runs in; false where it may not. */
export const settleLoopback = (): boolean => {
  try {
    for (const [key, value] of Object.entries(NETWORK_SETTINGS)) writeFileSync(`/proc/sys/net/ipv4/${key}`, value);
    return true;
  } catch {
    // Without a namespace of our own these belong to somebody else; main says so.
    return false;
  }
};

/** Whether far links can be made: in the namespaces of `bench/run.sh` (its /run is empty and private), with a compiler. */
export const canGoFar = (): boolean =>
  process.env['DEPOT_BENCH_PRIVATE'] === '1' && spawnSync('gcc', ['--version']).status === 0;

/**
 * Server and local in namespaces of their own with such a link between them; clients live beside the server.
 * With `serverIsHere` the server's namespace is that of this process.
 */
export const farApart = async (
  link: FarLink,
  directory: string,
  { serverIsHere = false }: { readonly serverIsHere?: boolean } = {},
): Promise<Place> => {
  const program = path.join(directory, 'wan');
  mkdirSync(directory, { recursive: true });
  must('gcc', ['-O2', '-o', program, path.join(import.meta.dirname, 'wan', 'wan.c')]);
  for (const name of NAMES) {
    if (name === 'server' && serverIsHere) must('ip', ['netns', 'attach', name, String(process.pid)]);
    else makeNamespace(name);
  }
  const { roundTripMs, lossPercent, megabitPerSecond, queueMs } = link;
  const args = [...NAMES, roundTripMs / 2, lossPercent, megabitPerSecond, queueMs].map(String);
  const wan = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const { value } = (await createInterface({ input: wan.stderr })[Symbol.asyncIterator]().next()) as { value?: string };
  if (value !== 'link up') throw new Error(`the far link does not come up: ${value ?? 'wan ended'}`);
  return {
    server: inNamespace('server', '198.18.0.1'),
    local: inNamespace('local', '198.18.0.2'),
    close: () => {
      killTree(wan);
      for (const name of NAMES) must('ip', ['netns', 'del', name]);
    },
  };
};

/** Asks the kernel for listening sockets alone: thousands of others may be in the same tables. */
const isOpen = async (side: Side, port: number): Promise<boolean> => {
  const { stdout } = side.spawn('ss', ['-ltnH', `sport = :${port}`], 'pipe');
  let output = '';
  for await (const piece of stdout ?? []) output += String(piece);
  return output !== '';
};

/** Waits until something listens on that side, without a connection that somebody would see. */
export const untilListening = async (side: Side, port: number, what: string): Promise<void> => {
  const end = performance.now() + 15_000;
  while (performance.now() < end) {
    if (await isOpen(side, port)) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`${what} does not listen on port ${port}`);
};
