import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters, styleText } from 'node:util';
import stringWidth from 'string-width';
import {
  apply,
  type Board,
  EMPTY,
  FIRST_VIEW,
  type Key,
  press,
  render,
  rowsOf,
  type View,
} from '../../src/cli/top/board.ts';
import type { Tone } from '../../src/cli/layout.ts';

const NOW_MS = 1_000_000;
const plain = stripVTControlCharacters;
const SIZE = { columns: 100, rows: 20 };
/** As on a terminal with colours, so that it is seen that they take no room. */
const paint = (tone: Tone, text: string): string =>
  styleText(tone === 'marked' ? 'inverse' : 'green', text, { validateStream: false });
const stream = (id: number, user: string, host: string): object => ({
  id,
  command: 'connect',
  user,
  from: '192.0.2.7',
  target: { host, port: 80 },
  local: 'nas',
  startedAt: NOW_MS - id * 1000,
  state: 'connecting',
  bytesUp: 0,
  bytesDown: 0,
  dropped: 0,
});
const role = { role: 'server', version: '1.2.3', startedAt: 0 };
const local = {
  name: 'nas',
  connected: true,
  draining: false,
  since: 0,
  lastSeenAt: NOW_MS,
  from: '192.0.2.1',
  rttMs: 3,
  streams: 2,
};

const BOARD: Board = (
  [
    ['snapshot', { role, locals: [local] }],
    ['streams', [stream(1, 'alice', 'a.nas.depot'), stream(2, 'bob', 'b.nas.depot')]],
  ] as const
).reduce((board, [event, data]) => apply(board, event, data), EMPTY);

const key = (text: string, name: string = text): Key => ({ text, name, ctrl: false });
const after = (keys: readonly Key[], view: View = FIRST_VIEW): View =>
  keys.reduce((last, one) => press(BOARD, last, one).view, view);

describe('the board of depot top', () => {
  it('follows streams as they begin, move and end', () => {
    const later = apply(BOARD, 'change', {
      at: NOW_MS,
      up: 5,
      down: 7,
      running: 2,
      started: [stream(3, 'carol', 'c')],
      opened: [[1, 'nas']],
      counters: [[1, 1000, 3000]],
      gone: [2],
    });
    assert.deepEqual([...later.streams.keys()], [1, 3]);
    assert.deepEqual([later.streams.get(1)?.state, later.streams.get(1)?.rate], ['open', 4000]);
    const slower = apply(later, 'change', { at: NOW_MS + 2000, up: 0, down: 0, counters: [[1, 1000, 5000]] });
    assert.equal(slower.streams.get(1)?.rate, 1000);
    const still = apply(slower, 'change', { at: NOW_MS + 3000, up: 0, down: 0, running: 2 });
    assert.equal(still.streams.get(1)?.rate, 0);
  });

  it('tells when and why a local had no link', () => {
    const dialing = {
      role: 'local',
      version: '1.2.3',
      startedAt: 0,
      connected: true,
      draining: false,
      server: 'vps:8964',
      name: 'nas',
      rttMs: 3,
      reconnects: 1,
      lastError: 'gone',
      outages: [
        { from: NOW_MS - 50_000, until: NOW_MS - 40_000, code: 'connection-lost', reason: 'gone\u0007', attempts: 2 },
      ],
      rules: ['loopback (the default)'],
    };
    const lines = render(apply(EMPTY, 'snapshot', { role: dialing, locals: [] }), FIRST_VIEW, SIZE, NOW_MS, paint);
    assert.deepEqual(lines.slice(1, 4).map(plain), [
      'connected to vps:8964 as nas, RTT 3.0 ms, reconnects 1',
      '  no link 50 s ago for 10 s: gone? (2 attempts failed)',
      'rules loopback (the default)',
    ]);
    const away = { ...dialing, connected: false, rttMs: null, lastError: 'refused\u0007' };
    const now = render(apply(EMPTY, 'snapshot', { role: away, locals: [] }), FIRST_VIEW, SIZE, NOW_MS, paint);
    assert.equal(plain(now[1] ?? ''), 'NOT connected to vps:8964 as nas, reconnects 1: refused?');
  });

  it('fills the screen exactly, whatever its size, and never goes beyond', () => {
    for (const rows of [1, 3, 6, 20, 60]) {
      for (const columns of [1, 20, 200]) {
        const lines = render(BOARD, FIRST_VIEW, { columns, rows }, NOW_MS, paint);
        assert.equal(lines.length, rows, `${columns}x${rows}`);
        for (const line of lines) assert.ok(stringWidth(line) <= columns, line);
      }
    }
  });

  it('counts wide characters as the terminal does', () => {
    const board = apply(BOARD, 'streams', [stream(3, 'bob', '猫'.repeat(60))]);
    for (const columns of [40, 41, 100]) {
      const widths = render(board, FIRST_VIEW, { columns, rows: 20 }, NOW_MS, paint).map((line) => stringWidth(line));
      assert.ok(widths.every((width) => width <= columns));
      // A character of two columns does not fit into the last one.
      assert.ok(widths.some((width) => width >= columns - 1));
    }
  });

  it('does without what matters least on a narrow screen', () => {
    const heads = (columns: number): string[] =>
      render(BOARD, FIRST_VIEW, { columns, rows: 20 }, NOW_MS, paint)
        .map(plain)
        .find((line) => line.includes('STREAM  USER'))
        ?.trim()
        .split(/ +/) ?? [];
    const all = ['STREAM', 'USER', 'FROM', 'TARGET', 'LOCAL', 'AGE', 'UP', 'DOWN', 'RATE', 'STATE'];
    assert.deepEqual(heads(120), all);
    assert.deepEqual(heads(80), ['STREAM', 'USER', 'TARGET', 'LOCAL', 'AGE', 'UP', 'DOWN', 'RATE']);
  });

  it('leaves columns where they are when numbers grow', () => {
    const startOfState = (bytes: number): number => {
      const grown = apply(BOARD, 'change', { at: 2000, up: 0, down: 0, counters: [[1, bytes, bytes]] });
      return (
        render(grown, FIRST_VIEW, { columns: 120, rows: 20 }, NOW_MS, paint)
          .map(plain)
          .join('\n')
          .match(/^.*STATE$/m)?.[0] ?? ''
      ).length;
    };
    assert.equal(startOfState(1), startOfState(999_900_000));
    assert.notEqual(startOfState(1), 0);
  });

  it('marks a stream without colours, too', () => {
    const marks = render(BOARD, { ...FIRST_VIEW, selected: 2 }, SIZE, NOW_MS, (_tone, text) => text).filter((line) =>
      line.startsWith('> '),
    );
    assert.equal(marks.length, 1);
    assert.match(marks[0] ?? '', /^> 2 +bob /);
  });

  it('shows nothing that could steer the terminal', () => {
    const board = apply(BOARD, 'streams', [stream(9, '\u001B[2Jmallory', 'x\u0007')]);
    assert.doesNotMatch(render(board, FIRST_VIEW, SIZE, NOW_MS, paint).map(plain).join(''), /\p{Cc}/u);
  });

  it('sorts by what s comes to, and shows what fits the filter', () => {
    const ids = (view: View): number[] => rowsOf(BOARD, view).map(({ id }) => id);
    assert.deepEqual(ids({ ...FIRST_VIEW, sort: 'age' }), [2, 1]);
    assert.deepEqual(ids({ ...FIRST_VIEW, sort: 'user' }), [1, 2]);
    assert.equal(after([key('s'), key('s')]).sort, 'user');
    const filtered = after([key('/'), key('B'), key('o'), key('x'), key('', 'backspace'), key('\r', 'return')]);
    assert.deepEqual([filtered.filter, filtered.mode, ids(filtered)], ['Bo', 'list', [2]]);
    assert.equal(after([key('/'), key('q'), key('\u001B', 'escape')]).filter, '');
  });

  it('ends the marked stream only when y says so', () => {
    const marked = after([key('', 'down'), key('x')], { ...FIRST_VIEW, sort: 'user' });
    assert.deepEqual([marked.mode, marked.selected], ['confirm', 2]);
    assert.match(render(BOARD, marked, SIZE, NOW_MS, paint).at(-1) ?? '', /End stream 2\?/);
    assert.deepEqual(press(BOARD, marked, key('y')).action, { end: 2 });
    assert.equal(press(BOARD, marked, key('n')).action, undefined);
    assert.equal(press(EMPTY, FIRST_VIEW, key('x')).view.mode, 'list');
  });
});
