// The load generator, a process of its own: takes one job as a line on standard input and prints its figures as a line.
// A job that others are measured beside prints a line when it stands, and goes on until the next line comes.

import { type Figures, runJob, type Work } from './jobs.ts';
import type { Target } from './socks-client.ts';

const lines = process.stdin.setEncoding('utf8')[Symbol.asyncIterator]();
const say = (figures: Figures): boolean => process.stdout.write(`${JSON.stringify(figures)}\n`);

const { value } = (await lines.next()) as { value: string };
const { target, work } = JSON.parse(value) as { readonly target: Target; readonly work: Work };
const [started, before] = [performance.now(), process.cpuUsage()];
const figures = await runJob(target, work, async (standing) => {
  say(standing);
  await lines.next();
});
const { user, system } = process.cpuUsage(before);
const seconds = (performance.now() - started) / 1000;
say({ ...figures, seconds, loadCores: (user + system) / 1e6 / seconds });
process.exit(0);
