// The server comes back, the network goes silent, a process freezes: depot notices, and is there again.

import { App } from '../../support/apps.ts';
import { LOOPBACK } from '../../support/depot.ts';
import { TcpRelay } from '../../support/tcp-relay.ts';
import { duration, type Fault, type Outcome, quantile, type Stage, untilSo } from '../fault.ts';
import { Gateway } from '../gateway.ts';

const TIMES = 20;
const BACK_MS = 2000;
const NOTICED_MS = 25_000;
const SILENT_MS = 60_000;
const USABLE_MS = 5000;
const LONGEST_MS = 60_000;

const restartServer = async (stage: Stage): Promise<Outcome> => {
  await using gateway = await Gateway.start({ stage });
  await using app = await App.echo();
  await gateway.join();
  const took: number[] = [];
  for (let left = stage.count(TIMES, 3); left > 0; left -= 1) {
    await gateway.server.stop('SIGKILL');
    await gateway.restartServer();
    took.push(await untilSo(() => gateway.works(app.port), LONGEST_MS));
  }
  const p95 = quantile(took, 0.95);
  return {
    reached: `${took.length} times: p50 ${duration(quantile(took, 0.5))}, p95 ${duration(p95)}`,
    met: p95 <= BACK_MS,
  };
};

export const serverRestart: Fault = {
  name: 'restart',
  what: 'server killed and restarted, 20 times',
  figure: 'a new stream works within 2 s of its listening, p95',
  run: restartServer,
};

interface Silence {
  readonly begin: () => void;
  readonly end: () => void;
}

const silence = async (stage: Stage): Promise<Outcome> => {
  await using gateway = await Gateway.start({ stage });
  await using app = await App.echo();
  const to = { host: LOOPBACK, port: gateway.printed.controlPort };
  await using relay = await TcpRelay.listen({ host: LOOPBACK, port: 0 }, to);
  const { child } = await gateway.join('home', relay.port);
  const kinds: readonly Silence[] = [
    { begin: () => relay.fallSilent(), end: () => relay.recover() },
    { begin: () => child.kill('SIGSTOP'), end: () => child.kill('SIGCONT') },
  ];
  const [noticed, usable]: [number[], number[]] = [[], []];
  for (let number = 0; number < stage.count(TIMES, 2); number += 1) {
    const kind = kinds[number % kinds.length];
    const startedMs = performance.now();
    kind?.begin();
    noticed.push(await untilSo(async () => !(await gateway.isConnected()), LONGEST_MS));
    await new Promise((resolve) => setTimeout(resolve, stage.time(SILENT_MS) - (performance.now() - startedMs)));
    kind?.end();
    usable.push(await untilSo(() => gateway.works(app.port), LONGEST_MS));
  }
  const leftOver = async (): Promise<number> => {
    const { locals, streams } = await gateway.status();
    return locals.length - 1 + streams.length;
  };
  // The last request of ours may still be on its way out.
  await untilSo(async () => (await leftOver()) === 0, USABLE_MS);
  const left = await leftOver();
  const [slowest, latest] = [Math.max(...noticed), Math.max(...usable)];
  const form = stage.short ? ', with timers of a tenth' : '';
  return {
    reached: `${noticed.length} times${form}: noticed within ${duration(slowest)}, usable within ${duration(latest)} of the end, ${left} left over`,
    met: slowest <= stage.time(NOTICED_MS) && latest <= USABLE_MS && left === 0,
  };
};

export const blackHole: Fault = {
  name: 'silence',
  what: 'black hole or freeze of 60 s, 20 times',
  figure: 'noticed within 25 s, usable within 5 s of the end, 0 sessions left over',
  run: silence,
};
