// The process under trial, and its threads: relays as its argument says until it is killed.

import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { relayPortably } from './portable-relay.ts';
import type { Job } from './trial.ts';

const THREADS = 2;

const job = (isMainThread ? JSON.parse(process.argv[2] ?? '') : workerData) as Job;
const share = (streams: number): Worker =>
  new Worker(new URL(import.meta.url), { workerData: { ...job, streams } satisfies Job });

if (job.way === 'portable' || (job.way === 'threads' && !isMainThread)) relayPortably(job.ends, job.streams);
else if (job.way === 'threads') for (let thread = 0; thread < THREADS; thread += 1) share(job.streams / THREADS);
else if (isMainThread) for (let stream = 0; stream < job.streams; stream += 1) share(1);
else {
  const { relayNatively } = await import('./native-relay.ts');
  relayNatively(job.ends, job.direction);
}
