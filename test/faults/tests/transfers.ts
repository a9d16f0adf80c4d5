// Nothing is lost on a far and lossy link, however small the slices.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { canGoFar, type FarLink } from '../../../bench/place.ts';
import { overRelay, type Share, type Tally } from '../carrying.ts';
import type { Fault, Outcome, Stage } from '../fault.ts';

const TRANSFERS = 2000;
const LARGEST = 64 * 1024 * 1024;

/** The round trips and losses that the transfers are spread over. */
const LINKS: readonly FarLink[] = [
  { roundTripMs: 20, lossPercent: 0, megabitPerSecond: 200, queueMs: 200 },
  { roundTripMs: 50, lossPercent: 0.5, megabitPerSecond: 200, queueMs: 200 },
  { roundTripMs: 100, lossPercent: 2, megabitPerSecond: 200, queueMs: 200 },
];

/** In namespaces of its own, so that the links do not meet. */
const onOwnLink = async (stage: Stage, link: FarLink, share: Share): Promise<Tally> => {
  const run = path.join(import.meta.dirname, '../../../bench/run.sh');
  const program = path.join(import.meta.dirname, '../far-link.ts');
  const args = [run, program, String(stage.seed), JSON.stringify(link), JSON.stringify(share)];
  const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const text = (await child.stdout.setEncoding('utf8').toArray()).join('');
  const [code] = (await exit) as [number | null];
  if (code !== 0) throw new Error(`the transfers over ${link.roundTripMs} ms broke`);
  process.stderr.write(`  ${link.roundTripMs} ms, ${link.lossPercent} %: ${text}`);
  return JSON.parse(text) as Tally;
};

const run = async (stage: Stage): Promise<Outcome> => {
  const total = stage.count(TRANSFERS, 60);
  const largest = stage.scale === 1 ? LARGEST : Math.max(256 * 1024, Math.round(LARGEST * stage.scale));
  const far = canGoFar() && !stage.short;
  const each = Math.ceil(total / LINKS.length);
  const tallies = far
    ? await Promise.all(
        LINKS.map((link, index) =>
          onOwnLink(stage, link, { from: index * each, to: Math.min(total, (index + 1) * each), largest }),
        ),
      )
    : [await overRelay(stage, { from: 0, to: total, largest })];
  const sum = (of: keyof Tally): number => tallies.reduce((all, tally) => all + tally[of], 0);
  const how = far
    ? 'links of 20, 50 and 100 ms with 0, 0.5 and 2 % loss'
    : 'a relay that delays by 10 to 50 ms each way';
  return {
    reached: `${sum('whole')} of ${total} whole with equal SHA-256, up to ${(largest / 1024 / 1024).toFixed(1)} MiB, ${how}; ${sum('failed')} failed, ${sum('short') + sum('wrongAtApp')} short, ${sum('spoilt')} spoilt`,
    met: sum('whole') === total && sum('wrongAtApp') === 0,
  };
};

export const transfers: Fault = {
  name: 'transfers',
  what: '2 000 transfers, 1 B to 64 MB, both directions at once, 50 at a time on each link, 20–100 ms, 0–2 % loss, in slices of 7 bytes',
  figure: 'every SHA-256 equal',
  minutes: 67,
  run,
};
