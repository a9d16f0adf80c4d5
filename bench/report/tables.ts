// The figures as Markdown tables, laid out as the project's formatter leaves them. Pure.

import type { Figures } from '../jobs.ts';
import type { Result } from '../results.ts';

interface Column {
  readonly title: string;
  readonly unit: string;
  /** Adds how much this is of what a reference contestant has in the same run. */
  readonly ratios?: true;
}

/** What a scenario's table shows; what nobody has a figure for is left out. */
const COLUMNS: readonly Column[] = [
  { title: 'MB/s', unit: 'mbPerSecond', ratios: true },
  { title: 'requests/s', unit: 'perSecond', ratios: true },
  { title: 'listening, ms', unit: 'listeningMs' },
  { title: 'first byte, ms', unit: 'firstByteMs' },
  { title: 'ping p50, ms', unit: 'p50Ms', ratios: true },
  { title: 'p99', unit: 'p99Ms' },
  { title: 'bulk beside, MB/s', unit: 'besideMbPerSecond', ratios: true },
  { title: 'set-up of all, s', unit: 'setUpSeconds' },
  { title: 'set-up p50, ms', unit: 'setUpP50Ms' },
  { title: 'p99', unit: 'setUpP99Ms' },
  { title: 'round trips', unit: 'setUpRoundTrips' },
  { title: 'first byte p50, ms', unit: 'firstByteP50Ms' },
  { title: 'p99', unit: 'firstByteP99Ms' },
  { title: 'server, KiB a stream', unit: 'serverKibPerStream' },
  { title: 'local, KiB a stream', unit: 'localKibPerStream' },
  { title: 'server, MiB', unit: 'serverMibInAll' },
  { title: 'local, MiB', unit: 'localMibInAll' },
  { title: 'alone, MB/s', unit: 'aloneMbPerSecond' },
  { title: 'beside them, MB/s', unit: 'besideDatagramsMbPerSecond' },
  { title: '% of alone', unit: 'leftPercent' },
  { title: 'datagrams/s', unit: 'datagramsPerSecond' },
  { title: '% came back', unit: 'datagramsBackPercent' },
  { title: 'unwatched, MB/s', unit: 'unwatchedMbPerSecond' },
  { title: 'watched, MB/s', unit: 'watchedMbPerSecond' },
  { title: 'unwatched, requests/s', unit: 'unwatchedPerSecond' },
  { title: 'watched, requests/s', unit: 'watchedPerSecond' },
  { title: '% of unwatched', unit: 'watchedPercent' },
  { title: 'least', unit: 'watchedPercentLeast' },
  { title: 'most', unit: 'watchedPercentMost' },
  { title: 'events, kB/s', unit: 'eventsKbPerSecond' },
  { title: 'CPU s/GB', unit: 'cpuSecondsPerGb' },
  { title: 'CPU ms/request', unit: 'cpuMsPerRequest' },
];

/** Who the others are compared with, and how that is called. */
const REFERENCES = [
  ['direct', 'direct'],
  ['ssh -R', 'ssh'],
  ['ssh -R aes-gcm', 'aes-gcm'],
  ['haproxy x2', 'haproxy'],
] as const;

export const format = (value: number | undefined): string => {
  if (value === undefined || !Number.isFinite(value)) return '–';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
};

/** Markdown with columns as wide as their widest cell: the first to the left, all others to the right. */
const table = (rows: readonly (readonly string[])[]): string[] => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const [head = [], ...body] = rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))),
  );
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...body.map(line)];
};

const has = (result: Result, unit: string): boolean =>
  Object.entries(result.figures).some(([name, { median }]) => name !== 'direct' && median[unit] !== undefined);

const cellsOf = (result: Result, column: Column, median: Figures): string[] => {
  const value = median[column.unit];
  const ratios = column.ratios ? REFERENCES.filter(([name]) => result.figures[name] !== undefined) : [];
  return [
    format(value),
    ...ratios.map(([name]) =>
      format((value ?? Number.NaN) / (result.figures[name]?.median[column.unit] ?? Number.NaN)),
    ),
  ];
};

const headsOf = (result: Result, column: Column): string[] => [
  column.title,
  ...(column.ratios
    ? REFERENCES.filter(([name]) => result.figures[name] !== undefined).map(([, short]) => `× ${short}`)
    : []),
];

const scenarioTable = (name: string, result: Result): string[] => {
  const columns = COLUMNS.filter(({ unit }) => has(result, unit));
  const head = ['', ...columns.flatMap((column) => headsOf(result, column))];
  const rows = Object.entries(result.figures).map(([contestant, { median }]) => [
    contestant,
    ...columns.flatMap((column) => cellsOf(result, column, median)),
  ]);
  return [`### ${name}`, '', ...table([head, ...rows]), ''];
};

const circumstances = ({ machine, network, link, date, rounds, versions }: Result): string => {
  const where = `${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}, ${date}`;
  const settings =
    network === undefined
      ? 'network settings of that machine'
      : Object.entries(network)
          .map(([key, value]) => `${key} ${value}`)
          .join(', ');
  const far =
    link === undefined
      ? ''
      : ` Link: ${link.roundTripMs} ms round trip, ${link.lossPercent} % loss each way, ${link.megabitPerSecond} Mbit/s, queue ${link.queueMs} ms.`;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const who = programs.length === 0 ? '' : ` ${programs.join('; ')}.`;
  return `Median of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}; ${where}; ${settings}.${far}${who}`;
};

/** All scenarios of a group; what circumstances they share is said once. */
export const groupSection = (results: readonly (readonly [name: string, result: Result])[]): string[] => {
  let before = '';
  return results.flatMap(([name, result]) => {
    const now = circumstances(result);
    const said = now === before ? [] : [now, ''];
    before = now;
    return [...said, ...scenarioTable(name, result)];
  });
};

/** How busy the load generator and the app were: with nothing between them, and with the fastest of the others. */
export const loadSection = (results: readonly (readonly [name: string, result: Result])[]): string[] => {
  const rows = results.flatMap(([name, { figures }]) => {
    const unit = figures['direct']?.median['mbPerSecond'] === undefined ? 'perSecond' : 'mbPerSecond';
    const speed = (contestant: string): number => figures[contestant]?.median[unit] ?? 0;
    const [fastest] = Object.keys(figures)
      .filter((contestant) => contestant !== 'direct')
      .toSorted((a, b) => speed(b) - speed(a));
    if (figures['direct'] === undefined || fastest === undefined) return [];
    const cores = (contestant: string): string[] =>
      ['loadCores', 'appCores'].map((busy) => format(figures[contestant]?.median[busy]));
    const ours = figures['depot'] === undefined ? ['–', '–', '–'] : [format(speed('depot')), ...cores('depot')];
    return [
      [
        name,
        format(speed('direct')),
        ...cores('direct'),
        `${fastest} ${format(speed(fastest))}`,
        ...cores(fastest),
        ...ours,
      ],
    ];
  });
  const head = ['', 'direct', 'load', 'app', 'the fastest other', 'load', 'app', 'depot', 'load', 'app'];
  return rows.length === 0 ? [] : [...table([head, ...rows]), ''];
};
