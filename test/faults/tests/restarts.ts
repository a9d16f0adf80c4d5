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
/** Often enough for figures of seconds, and no load by itself. */
const ASK_EVERY_MS = 100;

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
  minutes: 1,
  run: restartServer,
};

interface Silence {
  readonly begin: () => void;
  readonly end: () => void;
}

interface Silenced {
  readonly noticedMs: number;
  readonly usableMs: number;
}

/** One local, reached through a relay of its own or frozen: silent for a minute, and back. */
const fallSilent = async (
  stage: Stage,
  gateway: Gateway,
  [name, port]: readonly [name: string, port: number],
  { begin, end }: Silence,
): Promise<Silenced> => {
  const startedMs = performance.now();
  begin();
  const noticedMs = await untilSo(async () => !(await gateway.isConnected(name)), LONGEST_MS, ASK_EVERY_MS);
  await new Promise((resolve) => setTimeout(resolve, stage.time(SILENT_MS) - (performance.now() - startedMs)));
  end();
  return { noticedMs, usableMs: await untilSo(() => gateway.works(port, name), LONGEST_MS, ASK_EVERY_MS) };
};

/** As many locals of one server as there are silences, all in the same minute: none of them knows of the others. */
const silence = async (stage: Stage): Promise<Outcome> => {
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(await Gateway.start({ stage }));
  const app = stack.use(await App.echo());
  const to = { host: LOOPBACK, port: gateway.printed.controlPort };
  const silences: (readonly [string, Silence])[] = [];
  for (let number = 0; number < stage.count(TIMES, 2); number += 1) {
    const name = `local-${number}`;
    const relay = stack.use(await TcpRelay.listen({ host: LOOPBACK, port: 0 }, to));
    const { child } = await gateway.join(name, relay.port);
    silences.push([
      name,
      number % 2 === 0
        ? { begin: () => relay.fallSilent(), end: () => relay.recover() }
        : { begin: () => child.kill('SIGSTOP'), end: () => child.kill('SIGCONT') },
    ]);
  }
  const silenced = await Promise.all(
    silences.map(([name, kind]) => fallSilent(stage, gateway, [name, app.port], kind)),
  );
  const leftOver = async (): Promise<number> => {
    const { locals, streams } = await gateway.status();
    // The local of the first start has not joined, and is not among them.
    return locals.length - silences.length + streams.length;
  };
  // The last requests of ours may still be on their way out.
  await untilSo(async () => (await leftOver()) === 0, USABLE_MS);
  const left = await leftOver();
  const slowest = Math.max(...silenced.map(({ noticedMs }) => noticedMs));
  const latest = Math.max(...silenced.map(({ usableMs }) => usableMs));
  const form = stage.short ? ', with timers of a tenth' : '';
  return {
    reached: `${silenced.length} locals at the same time${form}: noticed within ${duration(slowest)}, usable within ${duration(latest)} of the end, ${left} left over`,
    met: slowest <= stage.time(NOTICED_MS) && latest <= USABLE_MS && left === 0,
  };
};

export const blackHole: Fault = {
  name: 'silence',
  what: 'black hole or freeze of 60 s, 20 times',
  figure: 'noticed within 25 s, usable within 5 s of the end, 0 sessions left over',
  minutes: 2,
  run: silence,
};
