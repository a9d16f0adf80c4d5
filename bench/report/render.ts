// What the documents say of the results: sections of Markdown between marks, and plots. Pure, so that a test can hold
// the documents to the figures.

import type { Result, Results } from '../results.ts';
import { SCENARIOS, type Group } from '../scenarios.ts';
import { type Plot, svg } from './plot.ts';
import { groupSection, loadSection } from './tables.ts';

type Named = readonly [name: string, result: Result];

/** In the order of the scenarios, whatever the order of the runs. */
const ofGroups = (results: Results, ...groups: readonly Group[]): readonly Named[] =>
  SCENARIOS.filter(({ group }) => groups.includes(group)).flatMap(({ name }): Named[] => {
    const result = results[name];
    return result === undefined ? [] : [[name, result]];
  });

const sections = (results: Results): Readonly<Record<string, readonly string[]>> => ({
  bulk: groupSection(ofGroups(results, 'bulk')),
  requests: groupSection(ofGroups(results, 'requests')),
  ping: groupSection(ofGroups(results, 'ping')),
  many: groupSection(ofGroups(results, 'many')),
  start: groupSection(ofGroups(results, 'start')),
  far: groupSection(ofGroups(results, 'far', 'lossy')),
  udp: groupSection(ofGroups(results, 'udp')),
  watch: groupSection(ofGroups(results, 'watch')),
  load: loadSection(ofGroups(results, 'bulk', 'requests')),
});

/** The document with what stands between `<!-- bench:NAME -->` and `<!-- /bench -->` written anew. */
export const renderDocument = (document: string, results: Results): string => {
  const written = sections(results);
  return document.replaceAll(
    /(<!-- bench:(\w+) -->\n)[^]*?(<!-- \/bench -->)/g,
    (_, open: string, name: string, end) => {
      const lines = written[name];
      if (lines === undefined) throw new Error(`docs/performance.md asks for figures of "${name}"; nobody has them`);
      return `${open}\n${lines.length === 0 ? 'Not measured yet.\n\n' : `${lines.join('\n')}\n`}${String(end)}`;
    },
  );
};

const plot = (
  results: readonly Named[],
  title: string,
  unit: string,
  key: string,
  without: readonly string[] = [],
): Plot => ({
  title,
  unit,
  groups: results
    .map(([name, { figures }]) => ({
      name,
      bars: Object.entries(figures).flatMap(([contestant, { median }]) => {
        const value = median[key];
        return value === undefined || without.includes(contestant) ? [] : [{ contestant, value }];
      }),
    }))
    .filter(({ bars }) => bars.length > 0),
});

/** By file name. The direct path and HAProxy are marks for bulk; a scale that shows them hides all others. */
export const renderPlots = (results: Results): Readonly<Record<string, string>> => {
  const [far, lossy] = [ofGroups(results, 'far'), ofGroups(results, 'lossy')];
  const plots: Record<string, Plot> = {
    'bulk.svg': plot(ofGroups(results, 'bulk'), 'Bulk', 'MB/s, more is better', 'mbPerSecond', ['direct']),
    'requests.svg': plot(
      ofGroups(results, 'requests'),
      'New connections',
      'requests a second, more is better',
      'perSecond',
      ['direct'],
    ),
    'ping.svg': plot(ofGroups(results, 'ping'), 'Ping beside bulk', 'p50 in ms, less is better', 'p50Ms'),
    'far-set-up.svg': plot(far, 'Set-up over a link of 40 ms', 'SOCKS set-up, p50 in ms, less is better', 'setUpP50Ms'),
    'far-bulk.svg': plot(far, 'Bulk over a link of 40 ms', 'MB/s, more is better', 'mbPerSecond'),
    'lossy-bulk.svg': plot(
      lossy,
      '8 bulk streams over a link of 50 ms with 1 % loss',
      'MB/s, more is better',
      'besideMbPerSecond',
    ),
    'lossy-ping.svg': plot(lossy, 'Ping beside them', 'p50 in ms, less is better', 'p50Ms'),
  };
  return Object.fromEntries(Object.entries(plots).map(([file, figures]) => [file, svg(figures)]));
};
