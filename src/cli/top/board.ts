// What `depot top` knows and shows, as pure functions: events make the board, board and view make lines, keys change
// the view. Knows no terminal and no clock.

import { stripVTControlCharacters } from 'node:util';
import { formatAddress } from '../../socks/address.ts';
import type { Change } from '../../watch/feed.ts';
import type { LocalStatus, RoleStatus, StreamStatus } from '../../watch/status.ts';
import { describeLastError, describeOutage, duration, size, stateOf } from '../format.ts';
import { cut, harmless, layOut, type Paint, type Table, widthOf } from '../layout.ts';

export interface Row extends StreamStatus {
  /** Bytes per second, both directions together. */
  readonly rate: number;
}

export interface Board {
  readonly role: RoleStatus | undefined;
  readonly locals: ReadonlyMap<string, LocalStatus>;
  readonly streams: ReadonlyMap<number, Row>;
  readonly up: number;
  readonly down: number;
  /** Milliseconds since 1970, of the last change. */
  readonly at: number;
}

export const EMPTY: Board = { role: undefined, locals: new Map(), streams: new Map(), up: 0, down: 0, at: 0 };

interface Snapshot {
  readonly role: RoleStatus;
  readonly locals: readonly LocalStatus[];
}

/** The board after one event of the API. */
export const apply = (board: Board, event: string, data: unknown): Board => {
  switch (event) {
    case 'snapshot': {
      const { role, locals } = data as Snapshot;
      return { ...EMPTY, role, locals: new Map(locals.map((local) => [local.name, local])) };
    }
    case 'streams':
      return { ...board, streams: addTo(board.streams, data as readonly StreamStatus[]) };
    case 'change':
      return changed(board, data as Change);
    default:
      return board;
  }
};

const addTo = (streams: ReadonlyMap<number, Row>, more: readonly StreamStatus[]): Map<number, Row> => {
  const all = new Map(streams);
  for (const stream of more) all.set(stream.id, { ...stream, rate: 0 });
  return all;
};

const changed = (board: Board, change: Change): Board => {
  // The first change comes within a second of what was told before it.
  const seconds = board.at === EMPTY.at ? 1 : Math.max(1, (change.at - board.at) / 1000);
  const streams = addTo(board.streams, change.started ?? []);
  const moved = new Map((change.counters ?? []).map(([id, up, down]) => [id, { up, down }]));
  for (const [id, local] of change.opened ?? []) {
    const stream = streams.get(id);
    if (stream !== undefined) streams.set(id, { ...stream, state: 'open', local });
  }
  for (const [id, stream] of streams) {
    const now = moved.get(id);
    if (now !== undefined) {
      const rate = Math.max(0, (now.up + now.down - stream.bytesUp - stream.bytesDown) / seconds);
      streams.set(id, { ...stream, bytesUp: now.up, bytesDown: now.down, rate });
    } else if (stream.rate > 0) streams.set(id, { ...stream, rate: 0 });
  }
  for (const id of change.gone ?? []) streams.delete(id);
  const locals = new Map(board.locals);
  for (const local of change.locals ?? []) locals.set(local.name, local);
  for (const name of change.goneLocals ?? []) locals.delete(name);
  return { role: change.role ?? board.role, streams, locals, up: change.up, down: change.down, at: change.at };
};

const SORTS = ['age', 'rate', 'bytes', 'user', 'target'] as const;
type Sort = (typeof SORTS)[number];

export interface View {
  readonly sort: Sort;
  readonly filter: string;
  /** What keys do: move about, go into the filter, or answer whether to end the stream. */
  readonly mode: 'list' | 'filter' | 'confirm';
  /** The stream that is marked; undefined for the first. */
  readonly selected: number | undefined;
  /** The last thing that is worth a line: what failed, or that the connection is lost. */
  readonly notice: string;
}

export const FIRST_VIEW: View = { sort: 'rate', filter: '', mode: 'list', selected: undefined, notice: '' };

const COMPARE: Readonly<Record<Sort, (a: Row, b: Row) => number>> = {
  age: (a, b) => a.startedAt - b.startedAt,
  rate: (a, b) => b.rate - a.rate,
  bytes: (a, b) => b.bytesUp + b.bytesDown - a.bytesUp - a.bytesDown,
  user: (a, b) => (a.user ?? '').localeCompare(b.user ?? ''),
  target: (a, b) => formatAddress(a.target).localeCompare(formatAddress(b.target)),
};

/** The streams that are shown, in order. */
export const rowsOf = ({ streams }: Board, { sort, filter }: View): Row[] =>
  [...streams.values()]
    .filter(({ user, from, target, local }) =>
      `${user ?? ''} ${from} ${formatAddress(target)} ${local ?? ''}`.toLowerCase().includes(filter.toLowerCase()),
    )
    .sort((a, b) => COMPARE[sort](a, b) || a.id - b.id);

/** Where the marked stream stands: the first one where none is, or it has gone. */
const indexIn = (rows: readonly Row[], { selected }: View): number =>
  Math.max(
    0,
    rows.findIndex(({ id }) => id === selected),
  );

export interface Key {
  /** As node:readline names it. */
  readonly name: string | undefined;
  /** What was typed, where that is a character. */
  readonly text: string | undefined;
  readonly ctrl: boolean;
}

export interface Pressed {
  readonly view: View;
  /** What is to be done besides showing. */
  readonly action?: 'quit' | { readonly end: number };
}

/** What a key does. */
export const press = (board: Board, view: View, key: Key): Pressed => {
  if (key.ctrl && key.name === 'c') return { view, action: 'quit' };
  switch (view.mode) {
    case 'filter':
      return { view: typed(view, key) };
    case 'confirm':
      return key.text === 'y' && view.selected !== undefined
        ? { view: { ...view, mode: 'list' }, action: { end: view.selected } }
        : { view: { ...view, mode: 'list' } };
    case 'list':
      return listed(board, { ...view, notice: '' }, key);
  }
};

const typed = (view: View, { name, text, ctrl }: Key): View => {
  if (name === 'return' || name === 'enter') return { ...view, mode: 'list' };
  if (name === 'escape') return { ...view, mode: 'list', filter: '' };
  if (name === 'backspace') return { ...view, filter: Array.from(view.filter).slice(0, -1).join('') };
  return text === undefined || ctrl || /\p{Cc}/u.test(text) ? view : { ...view, filter: view.filter + text };
};

const listed = (board: Board, view: View, { name, text }: Key): Pressed => {
  const rows = rowsOf(board, view);
  const index = indexIn(rows, view);
  const select = (to: number): Pressed => ({
    view: { ...view, selected: rows[Math.min(rows.length - 1, Math.max(0, to))]?.id },
  });
  if (name === 'up' || text === 'k') return select(index - 1);
  if (name === 'down' || text === 'j') return select(index + 1);
  if (text === 'q') return { view, action: 'quit' };
  if (text === '/') return { view: { ...view, mode: 'filter' } };
  if (text === 's') {
    return { view: { ...view, sort: SORTS[(SORTS.indexOf(view.sort) + 1) % SORTS.length] ?? 'rate' } };
  }
  const selected = rows[index]?.id;
  return text === 'x' && selected !== undefined ? { view: { ...view, mode: 'confirm', selected } } : { view };
};

const OUTAGES_SHOWN = 3;

const heading = ({ role, up, down, streams }: Board, nowMs: number, paint: Paint): string[] => {
  if (role === undefined) return ['connecting'];
  const first = `depot ${role.role} ${role.version}, up ${duration(nowMs - role.startedAt)}${role.draining ? `, ${paint('warning', 'DRAINING')}` : ''}   ${streams.size} streams   ↑ ${size(Math.round(up))}/s   ↓ ${size(Math.round(down))}/s`;
  if (role.role === 'server') return [first];
  const rtt = role.rttMs === null ? '' : `, RTT ${role.rttMs.toFixed(1)} ms`;
  const state = role.connected ? paint('good', 'connected') : paint('bad', 'NOT connected');
  const link = `${state} to ${harmless(`${role.server} as ${role.name}`)}${rtt}, reconnects ${role.reconnects}${describeLastError(role)}`;
  const outages = role.outages.slice(0, OUTAGES_SHOWN).map((outage) => `  ${describeOutage(outage, nowMs)}`);
  return [first, link, ...outages, ...(role.role === 'local' ? [harmless(`rules ${role.rules.join('  ')}`)] : [])];
};

/** Lines of a table, as long as they are. */
const lines = (table: Table, paint: Paint): string[] => layOut(table, { columns: Infinity, paint });

const localLines = ({ locals }: Board, nowMs: number, paint: Paint): string[] =>
  locals.size === 0
    ? []
    : lines(
        {
          head: ['LOCAL', 'STATE', 'FOR', 'FROM', 'RTT', 'STREAMS'],
          least: [0, 9, 7, 0, 9, 0],
          rows: [...locals.values()].map((local) => [
            local.name,
            stateOf(local),
            duration(nowMs - (local.connected ? (local.since ?? nowMs) : local.lastSeenAt)),
            local.from ?? '-',
            local.rttMs === null ? '-' : `${local.rttMs.toFixed(1)} ms`,
            String(local.streams),
          ]),
        },
        paint,
      );

const footer = ({ mode, filter, sort, selected, notice }: View): string => {
  if (mode === 'confirm') return `End stream ${selected}? y to end it, any other key to leave it`;
  if (mode === 'filter') return `filter: ${filter}█`;
  if (notice !== '') return notice;
  return `q quit  ↑↓ select  x end  s sort (${sort})  / filter${filter === '' ? '' : ` (${filter})`}`;
};

/** All that a screen has. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Stands before each stream, so that the marked one is known without colours, too. */
const MARK = { marked: '> ', other: '  ' } as const;

interface StreamColumn {
  readonly head: string;
  /** Numbers that grow leave the columns where they are. */
  readonly least: number;
  readonly cell: (row: Row, nowMs: number) => string;
}

const STREAM_COLUMNS: readonly StreamColumn[] = [
  { head: 'STREAM', least: 6, cell: ({ id }) => String(id) },
  { head: 'USER', least: 0, cell: ({ user }) => user ?? '-' },
  { head: 'FROM', least: 0, cell: ({ from }) => from },
  { head: 'TARGET', least: 0, cell: ({ target }) => formatAddress(target) },
  { head: 'LOCAL', least: 0, cell: ({ local }) => local ?? '-' },
  { head: 'AGE', least: 7, cell: ({ startedAt }, nowMs) => duration(nowMs - startedAt) },
  { head: 'UP', least: 8, cell: ({ bytesUp }) => size(bytesUp) },
  { head: 'DOWN', least: 8, cell: ({ bytesDown }) => size(bytesDown) },
  { head: 'RATE', least: 10, cell: ({ rate }) => `${size(Math.round(rate))}/s` },
  { head: 'STATE', least: 10, cell: ({ state }) => state },
];
/** What a narrow screen does without, first to last; the others are cut. */
const SPARE = ['FROM', 'STATE', 'LOCAL'];

const streamLines = (
  rows: readonly Row[],
  columns: number,
  nowMs: number,
  paint: Paint,
  spared: readonly string[] = [],
): string[] => {
  const shown = STREAM_COLUMNS.filter(({ head }) => !spared.includes(head));
  const made = lines(
    {
      head: shown.map(({ head }) => head),
      least: shown.map(({ least }) => least),
      rows: rows.map((row) => shown.map(({ cell }) => cell(row, nowMs))),
    },
    paint,
  );
  const fits = spared.length === SPARE.length || made.every((line) => widthOf(line) <= columns);
  return fits ? made : streamLines(rows, columns, nowMs, paint, SPARE.slice(0, spared.length + 1));
};

/** A marked line is so to its end, and in one colour. */
const marked = (line: string, columns: number, paint: Paint): string => {
  const text = cut(MARK.marked + stripVTControlCharacters(line), columns);
  return paint('marked', text + ' '.repeat(columns - widthOf(text)));
};

/** Exactly as many lines as the screen has, none wider than it. */
export const render = (
  board: Board,
  view: View,
  { columns, rows: height }: ScreenSize,
  nowMs: number,
  paint: Paint,
): string[] => {
  const locals = localLines(board, nowMs, paint).slice(0, Math.max(2, Math.floor(height / 3)));
  const above = [...heading(board, nowMs, paint), ...(locals.length === 0 ? [] : ['', ...locals]), ''];
  const rows = rowsOf(board, view);
  const index = indexIn(rows, view);
  const room = Math.max(1, height - above.length - 2);
  const first = Math.max(0, Math.min(index - Math.floor(room / 2), rows.length - room));
  const [head = '', ...streams] = streamLines(
    rows.slice(first, first + room),
    columns - MARK.other.length,
    nowMs,
    paint,
  );
  const body = [
    ...[...above, MARK.other + head].map((line) => cut(line, columns)),
    ...streams.map((line, at) =>
      at === index - first ? marked(line, columns, paint) : cut(MARK.other + line, columns),
    ),
  ];
  const filled = [
    ...body.slice(0, height - 1),
    ...Array.from({ length: Math.max(0, height - 1 - body.length) }, () => ''),
  ];
  return [...filled, cut(harmless(footer(view)), columns)];
};
