// Tables, wrapped lines and lines cut short, in every width.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters, styleText } from 'node:util';
import { cut, type Display, harmless, layOut, type Table, type Tone, widthOf, wrap } from '../../src/cli/layout.ts';
import { LOOKS } from '../../src/cli/output.ts';

const paint = (tone: Tone, text: string): string => styleText(LOOKS[tone], text, { validateStream: false });
const display = (columns: number): Display => ({ columns, paint });
const plain: Display = { columns: Infinity, paint: (_tone, text) => text };

const WHY = 'nothing listens on 127.0.0.1:9091 as the local sees it, which is what the app itself has said';
const CHECK: Table = {
  head: ['STEP', 'VERDICT', 'TIME', 'WHY'],
  rows: [
    ['identity', { text: 'ok', tone: 'good' }, '0.1 ms', 'nobody was asked'],
    ['dial', { text: 'FAILED', tone: 'bad' }, '12.0 ms', WHY],
  ],
};

describe('a table', () => {
  it('has columns as wide as they need to be, and lines of any length where nobody looks', () => {
    assert.deepEqual(layOut(CHECK, plain), [
      'STEP      VERDICT  TIME     WHY',
      'identity  ok       0.1 ms   nobody was asked',
      `dial      FAILED   12.0 ms  ${WHY}`,
    ]);
  });

  it('fits a terminal', () => {
    for (const columns of [24, 40, 60, 80, 200]) {
      for (const line of layOut(CHECK, display(columns))) assert.ok(widthOf(line) <= columns, `${columns}: ${line}`);
    }
  });

  it('wraps its last column where there is room for it', () => {
    assert.deepEqual(layOut(CHECK, { ...plain, columns: 60 }), [
      'STEP      VERDICT  TIME     WHY',
      'identity  ok       0.1 ms   nobody was asked',
      'dial      FAILED   12.0 ms  nothing listens on',
      '                            127.0.0.1:9091 as the local sees',
      '                            it, which is what the app itself',
      '                            has said',
    ]);
  });

  it('becomes blocks of pairs where there is none', () => {
    assert.deepEqual(layOut(CHECK, { ...plain, columns: 40 }), [
      'STEP identity  VERDICT ok  TIME 0.1 ms',
      '  WHY nobody was asked',
      'STEP dial  VERDICT FAILED  TIME 12.0 ms',
      '  WHY nothing listens on 127.0.0.1:9091',
      '  as the local sees it, which is',
      '  what the app itself has said',
    ]);
  });

  it('is the same with colours as without', () => {
    for (const columns of [40, 60, 200]) {
      const painted = layOut(CHECK, display(columns));
      assert.deepEqual(painted.map(stripVTControlCharacters), layOut(CHECK, { ...plain, columns }));
      assert.ok(painted.some((line) => line.includes('\u001B[31mFAILED\u001B[39m')));
    }
  });

  it('is aligned where names are wide, have accents or are pictures', () => {
    const rows = ['猫の家', 'cafe\u0301', '👩‍👩‍👧', 'nas'].map((name) => [name, 'end']);
    const starts = layOut({ head: ['LOCAL', 'STATE'], rows }, plain).map((line) => widthOf(line.replace(/\S+$/, '')));
    assert.deepEqual(starts, [8, 8, 8, 8, 8]);
  });

  it('breaks what has no spaces', () => {
    const rows = [['nas', '猫'.repeat(40)]];
    const lines = layOut({ head: ['LOCAL', 'KEY'], rows }, { ...plain, columns: 40 });
    assert.equal(lines.join('').match(/猫/g)?.length, 40);
    for (const line of lines) assert.ok(widthOf(line) <= 40, line);
  });

  it('keeps columns where they are told to stay', () => {
    assert.deepEqual(layOut({ head: ['UP', 'DOWN'], least: [8, 0], rows: [['1 B', '2 B']] }, plain), [
      'UP        DOWN',
      '1 B       2 B',
    ]);
  });

  it('needs no head, and then names nothing in a block', () => {
    const rows = [
      [{ text: 'failed', tone: 'bad' } as const, 'home', 'others can read it'],
      ['', '', '→ chmod 700'],
    ];
    assert.deepEqual(layOut({ rows }, plain), ['failed  home  others can read it', '              → chmod 700']);
    assert.deepEqual(layOut({ rows }, { ...plain, columns: 25 }), [
      'failed  home',
      '  others can read it',
      '→ chmod 700',
    ]);
  });

  it('lets nothing in it steer the terminal', () => {
    const rows = [['a\u001B[2J', { text: 'b\u0007\u202Ec\nd', tone: 'good' } as const]];
    assert.deepEqual(layOut({ head: ['A', 'B'], rows }, plain), ['A      B', 'a?[2J  b??c?d']);
    assert.equal(harmless('\u2066x\u2028'), '?x?');
  });
});

describe('a line', () => {
  it('is wrapped at spaces', () => {
    assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
    assert.deepEqual(wrap('one  two', Infinity), ['one  two']);
  });

  it('is cut by columns, and what it opened is closed', () => {
    assert.equal(cut('猫猫猫', 5), '猫猫');
    assert.equal(cut('cafe\u0301s', 4), 'cafe\u0301');
    assert.equal(cut(`a${paint('good', 'bcd')}e`, 2), `a${paint('good', 'b')}`);
    assert.equal(cut('abc', 3), 'abc');
  });
});
