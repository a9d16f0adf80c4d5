// Nothing is lost on a far and lossy link, however small the slices.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { farApart, canGoFar, type FarLink } from '../../../bench/place.ts';
import { LOOPBACK } from '../../support/depot.ts';
import { Program } from '../../support/programs.ts';
import { openStream } from '../../support/socks-client.ts';
import { TcpRelay } from '../../support/tcp-relay.ts';
import type { Fault, Outcome, Stage } from '../fault.ts';
import { Gateway, type GatewayOptions } from '../gateway.ts';
import { carry, type Ending, planOf } from '../transfer.ts';

const TRANSFERS = 2000;
const SIDE_BY_SIDE = 50;
const LARGEST = 64 * 1024 * 1024;

/** The round trips and losses that the transfers are spread over. */
const LINKS: readonly FarLink[] = [
  { roundTripMs: 20, lossPercent: 0, megabitPerSecond: 200, queueMs: 200 },
  { roundTripMs: 50, lossPercent: 0.5, megabitPerSecond: 200, queueMs: 200 },
  { roundTripMs: 100, lossPercent: 2, megabitPerSecond: 200, queueMs: 200 },
];

export class TransferApp implements AsyncDisposable {
  readonly port: number;
  readonly #program: Program;

  private constructor(program: Program, port: number) {
    this.#program = program;
    this.port = port;
  }

  static async start(through: readonly string[] = []): Promise<TransferApp> {
    const [command, ...args] = [...through, process.execPath, path.join(import.meta.dirname, '..', 'app.ts')];
    const program = new Program(command, args);
    const [, port] = await program.says(/\{"port":(\d+)\}/);
    return new TransferApp(program, Number(port));
  }

  /** How many transfers ended so on the app's side. */
  count(ending: Ending): number {
    return this.#program.stdout.split(`"ending":"${ending}"`).length - 1;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]();
  }
}

type Tally = Record<Ending, number>;

/** Carries transfers `from` to `to`, so many at a time, and counts how they ended. */
const carryAll = async (
  gateway: Gateway,
  app: TransferApp,
  stage: Stage,
  [from, to, largest]: readonly number[],
): Promise<Tally> => {
  const tally: Tally = { whole: 0, failed: 0, short: 0, spoilt: 0 };
  let next = from ?? 0;
  const worker = async (): Promise<void> => {
    while (next < (to ?? 0)) {
      const plan = planOf(stage.seed, next, largest ?? LARGEST);
      next += 1;
      tally[await carry(await openStream(gateway.target(app.port)), plan)] += 1;
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  return tally;
};

interface Setting extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly app: TransferApp;
}

const arrange = async (
  options: GatewayOptions,
  through: readonly string[],
  port?: (gateway: Gateway) => Promise<number>,
): Promise<Setting> => {
  const stack = new AsyncDisposableStack();
  const gateway = stack.use(await Gateway.start(options));
  await gateway.join('home', await port?.(gateway));
  const app = stack.use(await TransferApp.start(through));
  return { gateway, app, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};

/** Two namespaces and a link between them; the clients are beside the server. */
const overLink = async (stage: Stage, link: FarLink, range: readonly number[]): Promise<readonly [Tally, number]> => {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-faults-'));
  const place = await farApart(link, directory, { serverIsHere: true });
  try {
    const local = ['nsenter', '--net=/run/netns/local'];
    await using setting = await arrange({ stage, host: place.server.address, localThrough: local }, local);
    const tally = await carryAll(setting.gateway, setting.app, stage, range);
    return [tally, setting.app.count('short') + setting.app.count('spoilt')];
  } finally {
    place.close();
    rmSync(directory, { recursive: true });
  }
};

/** The short form: one loopback, with a relay in between that delays and cuts. */
const overRelay = async (stage: Stage, range: readonly number[]): Promise<readonly [Tally, number]> => {
  await using stack = new AsyncDisposableStack();
  const relayPort = async (gateway: Gateway): Promise<number> => {
    const chance = stage.chance('delays');
    const to = { host: LOOPBACK, port: gateway.printed.controlPort };
    const nature = { delayMs: () => 10 + chance.below(40), sliceBytes: 1000 };
    return stack.use(await TcpRelay.listen({ host: LOOPBACK, port: 0 }, to, nature)).port;
  };
  await using setting = await arrange({ stage }, [], relayPort);
  const tally = await carryAll(setting.gateway, setting.app, stage, range);
  return [tally, setting.app.count('short') + setting.app.count('spoilt')];
};

const run = async (stage: Stage): Promise<Outcome> => {
  const total = stage.count(TRANSFERS, 60);
  const largest = stage.scale === 1 ? LARGEST : Math.max(256 * 1024, Math.round(LARGEST * stage.scale));
  const far = canGoFar() && !stage.short;
  const sum: Tally = { whole: 0, failed: 0, short: 0, spoilt: 0 };
  let wrong = 0;
  const share = Math.ceil(total / LINKS.length);
  const runs = far
    ? LINKS.map(
        (link, index) => () => overLink(stage, link, [index * share, Math.min(total, (index + 1) * share), largest]),
      )
    : [() => overRelay(stage, [0, total, largest])];
  for (const one of runs) {
    const [tally, wrongAtApp] = await one();
    for (const ending of Object.keys(sum) as Ending[]) sum[ending] += tally[ending];
    wrong += wrongAtApp;
  }
  const how = far
    ? 'links of 20, 50 and 100 ms with 0, 0.5 and 2 % loss'
    : 'a relay that delays by 10 to 50 ms each way';
  return {
    reached: `${sum.whole} of ${total} whole with equal SHA-256, up to ${(largest / 1024 / 1024).toFixed(1)} MiB, ${how}; ${sum.failed} failed, ${sum.short + wrong} short, ${sum.spoilt} spoilt`,
    met: sum.whole === total && wrong === 0,
  };
};

export const transfers: Fault = {
  name: 'transfers',
  what: '2 000 transfers, 1 B to 64 MB, both directions at once, 50 at a time, 20–100 ms, 0–2 % loss, in slices of 7 bytes',
  figure: 'every SHA-256 equal',
  run,
};
