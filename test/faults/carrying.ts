// A share of the transfers over one link: a gateway, the app behind it, so many streams at a time, and how they ended.

import { farApart, type FarLink } from '../../bench/place.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { openStream } from '../support/socks-client.ts';
import { TcpRelay } from '../support/tcp-relay.ts';
import type { Stage } from './fault.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { carry, type Ending, type Plan, planOf } from './transfer.ts';
import { TransferApp } from './transfer-app.ts';

const SIDE_BY_SIDE = 50;

export interface Share {
  /** The number of the first transfer, and of the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** The largest that a direction may be, in bytes. */
  readonly largest: number;
}

/** How transfers ended at the client, and how many ended wrongly at the app. */
export type Tally = Record<Ending | 'wrongAtApp', number>;

/** The largest first, so that none of them is alone on the line in the end. */
const plansOf = (seed: number, { from, to, largest }: Share): Plan[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, index) => planOf(seed, from + index, largest)).sort(
    (a, b) => Math.max(a.up, a.down) - Math.max(b.up, b.down),
  );

const carryAll = async (gateway: Gateway, app: TransferApp, stage: Stage, share: Share): Promise<Tally> => {
  const tally: Tally = { whole: 0, failed: 0, short: 0, spoilt: 0, wrongAtApp: 0 };
  const plans = plansOf(stage.seed, share);
  const worker = async (): Promise<void> => {
    for (let plan = plans.pop(); plan !== undefined; plan = plans.pop())
      tally[await carry(await openStream(gateway.target(app.port)), plan)] += 1;
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  tally.wrongAtApp = app.count('short') + app.count('spoilt');
  return tally;
};

const arrange = async (
  stack: AsyncDisposableStack,
  options: GatewayOptions,
  through: readonly string[],
  portOf?: (gateway: Gateway) => Promise<number>,
): Promise<readonly [Gateway, TransferApp]> => {
  const gateway = stack.use(await Gateway.start(options));
  await gateway.join('home', await portOf?.(gateway));
  return [gateway, stack.use(await TransferApp.start(through))];
};

/** Two namespaces and a link between them; the clients are beside the server. */
export const overLink = async (stage: Stage, link: FarLink, share: Share): Promise<Tally> => {
  using directory = tempDir();
  const place = await farApart(link, directory.path, { serverIsHere: true });
  try {
    const local = ['nsenter', '--net=/run/netns/local'];
    await using stack = new AsyncDisposableStack();
    const options = { stage, host: place.server.address, localThrough: local };
    const [gateway, app] = await arrange(stack, options, local);
    return await carryAll(gateway, app, stage, share);
  } finally {
    place.close();
  }
};

/** The short form: one loopback, with a relay in between that delays and cuts. */
export const overRelay = async (stage: Stage, share: Share): Promise<Tally> => {
  await using stack = new AsyncDisposableStack();
  const relayPort = async (gateway: Gateway): Promise<number> => {
    const chance = stage.chance('delays');
    const to = { host: LOOPBACK, port: gateway.printed.controlPort };
    const nature = { delayMs: () => 10 + chance.below(40), sliceBytes: 1000 };
    return stack.use(await TcpRelay.listen({ host: LOOPBACK, port: 0 }, to, nature)).port;
  };
  const [gateway, app] = await arrange(stack, { stage }, [], relayPort);
  return await carryAll(gateway, app, stage, share);
};
