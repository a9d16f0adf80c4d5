// Locals that die with everything on them, and locals that fight for a name.

import { once } from 'node:events';
import { cpSync } from 'node:fs';
import type net from 'node:net';
import path from 'node:path';
import { createLocal, type DepotLocal } from '../../../src/index.ts';
import { App, ending } from '../../support/apps.ts';
import { tempDir } from '../../support/depot.ts';
import { openStream } from '../../support/socks-client.ts';
import { duration, type Fault, type Outcome, type Stage, untilSo } from '../fault.ts';
import { descriptorsOf, Gateway } from '../gateway.ts';

const STREAMS = 1000;
const WITHIN_MS = 1000;
const FLAPS = 200;
const FLAP_MS = 500;
const SETTLE_MS = 5000;

const REP_GENERAL_FAILURE = 1;

/** How long it took until the client saw its stream end, and how. */
const endOf = async (socket: net.Socket): Promise<{ readonly how: 'fin' | 'rst'; readonly atMs: number }> => {
  const how = await ending(socket);
  return { how, atMs: performance.now() };
};

const killWithStreams = async (stage: Stage): Promise<Outcome> => {
  await using gateway = await Gateway.start({ stage });
  await using app = await App.echo();
  await gateway.join();
  const count = stage.count(STREAMS, 100);
  const streams: net.Socket[] = [];
  while (streams.length < count) streams.push(await openStream(gateway.target(app.port)));
  const ends = streams.map(endOf);
  const killedMs = performance.now();
  gateway.local().child.kill('SIGKILL');
  const ended = await Promise.all(ends);
  const slowest = Math.max(...ended.map(({ atMs }) => atMs)) - killedMs;
  const clean = ended.filter(({ how }) => how === 'fin').length;
  const { reply, tookMs } = await gateway.ask(app.port);
  return {
    reached: `${count} streams: all ended within ${duration(slowest)}, ${clean} of them as if in order; a new request REP ${reply} in ${duration(tookMs)}`,
    met: slowest <= WITHIN_MS && clean === 0 && reply === REP_GENERAL_FAILURE && tookMs <= WITHIN_MS,
  };
};

export const localKilled: Fault = {
  name: 'killed',
  what: 'local killed with 1 000 streams',
  figure: 'all end with an error within 1 s, new requests REP 1 within 1 s',
  minutes: 1,
  run: killWithStreams,
};

/** Two holders of one key, each of which comes back half a second after it was replaced. */
const rivals = async (gateway: Gateway, homes: readonly string[]): Promise<readonly DepotLocal[]> => {
  const [first = '', second = ''] = homes;
  const settings = { reconnectMinMs: FLAP_MS, reconnectSilentMaxMs: FLAP_MS, reconnectMaxMs: FLAP_MS };
  const { link } = gateway.printed;
  const joined = await createLocal({ home: first, link, ...settings });
  await once(joined.events, 'connected');
  for (const file of ['key.pem', 'link.json']) cpSync(path.join(first, file), path.join(second, file));
  return [joined, await createLocal({ home: second, ...settings })];
};

/** A request goes through whoever came last; false where it went another way. */
const goesThrough = async (local: DepotLocal, gateway: Gateway, port: number): Promise<boolean> => {
  let seen = 0;
  const count = (): void => {
    seen += 1;
  };
  local.events.on('streamStart', count);
  try {
    return (await gateway.works(port)) && seen === 1;
  } finally {
    local.events.off('streamStart', count);
  }
};

const flap = async (stage: Stage): Promise<Outcome> => {
  await using gateway = await Gateway.start({ stage });
  await using app = await App.echo();
  using first = tempDir();
  using second = tempDir();
  const before = descriptorsOf(gateway.server);
  const locals = await rivals(gateway, [first.path, second.path]);
  const total = stage.count(FLAPS, 10);
  let won = 0;
  for (let flaps = 0; flaps < total; flaps += 1) {
    const newest = await Promise.race(locals.map((local) => once(local.events, 'connected').then(() => local)));
    if (await goesThrough(newest, gateway, app.port)) won += 1;
  }
  for (const local of locals) await local.stop();
  const settled = await untilSo(() => descriptorsOf(gateway.server) <= before, SETTLE_MS);
  const leaked = descriptorsOf(gateway.server) - before;
  return {
    reached: `${total} times: the newest won ${won} times, ${Math.max(0, leaked)} descriptors more than before`,
    met: won === total && Number.isFinite(settled),
  };
};

export const rivalLocals: Fault = {
  name: 'rivals',
  what: 'two locals fight for one name, flapping every 0.5 s, 200 times',
  figure: 'newest wins each time, 0 leaks',
  minutes: 3,
  run: flap,
};
