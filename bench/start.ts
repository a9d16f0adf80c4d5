// npm run bench:start [-- NAME=LAUNCHER …]: how long depot takes to start, as a user waits for it. Without arguments, the
// checkout. Each figure is taken with an empty cache of compiled code and with a full one, in turn; medians of 7.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { depot } from './contestants/depot.ts';
import { startApp, stop } from './measure.ts';
import { onLoopback } from './place.ts';
import { killTree } from './processes.ts';
import { connect } from './socks-client.ts';

const ROUNDS = 7;
const CHECKOUT = path.join(import.meta.dirname, '..', 'bin', 'depot.cjs');
/** How long a role needs until it has put its compiled code by. */
const CACHED_MS = 3000;

const directory = mkdtempSync(path.join(tmpdir(), 'depot-start-'));
const place = onLoopback();
const app = await startApp(place);

/** A launcher is a script for this Node, or a program of its own. */
const commandOf = (launcher: string): readonly [string, readonly string[]] =>
  /\.[cm]?js$/.test(launcher) ? [process.execPath, [launcher]] : [launcher, []];

const versionMs = (launcher: string): number => {
  const [command, args] = commandOf(launcher);
  const started = performance.now();
  const { status } = spawnSync(command, [...args, '--version']);
  if (status !== 0) throw new Error(`${launcher} --version ended with ${status}`);
  return performance.now() - started;
};

/** The server until it prints that it listens; the local until the first byte came back from the app. */
const rolesMs = async (launcher: string, keep: boolean): Promise<readonly [number, number]> => {
  const home = mkdtempSync(path.join(directory, 'home-'));
  const [command, before] = commandOf(launcher);
  const side = {
    ...place.server,
    spawn: (_node: string, [, ...args]: readonly string[]) =>
      spawn(command, [...before, ...args], { stdio: ['pipe', 'pipe', 'inherit'] }),
  };
  const running = await depot.start({ ...place, server: side, local: side }, home, app);
  const { listeningMs = Number.NaN, localStartedAt = Number.NaN } = running.startUp ?? {};
  const answered = Promise.withResolvers<void>();
  const socket = await connect(running.reach(app), () => answered.resolve());
  socket.write('E\n!');
  await answered.promise;
  const firstByteMs = performance.now() - localStartedAt;
  socket.destroy();
  if (keep) await new Promise((resolve) => setTimeout(resolve, CACHED_MS));
  stop(running);
  return [listeningMs, firstByteMs];
};

const median = (values: readonly number[]): string =>
  (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN).toFixed(0);

const given = process.argv.slice(2).map((argument) => argument.split('=') as [string, string]);
const launchers = given.length > 0 ? given : [['checkout', CHECKOUT] as const];
const rows = new Map<string, number[][]>();
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, launcher] of launchers) {
    process.env['XDG_CACHE_HOME'] = mkdtempSync(path.join(directory, 'cache-'));
    for (const cache of ['empty', 'full']) {
      const row = [versionMs(launcher), ...(await rolesMs(launcher, cache === 'empty'))];
      const key = `${name}, cache ${cache}`;
      rows.set(key, [...(rows.get(key) ?? []), row]);
    }
  }
}
const lines = [...rows].map(
  ([name, taken]) =>
    `| ${name} | ${[0, 1, 2].map((column) => median(taken.map((row) => row[column] ?? Number.NaN))).join(' | ')} |`,
);
process.stdout.write(
  `| ms | --version | server listens | local joined, first byte through |\n| --- | ---: | ---: | ---: |\n${lines.join('\n')}\n`,
);
killTree(app.child);
rmSync(directory, { recursive: true, force: true });
