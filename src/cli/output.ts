// Where commands print: standard output as it is, with its width and its colours. Plain lines for people, whole and
// without colours where nobody looks; JSON for programs.

import { styleText } from 'node:util';
import { layOut, type Paint, type Table, type Tone, wrap } from './layout.ts';

export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** In the words of `styleText`. */
export const LOOKS = {
  head: 'bold',
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  quiet: 'dim',
  marked: 'inverse',
} as const satisfies Record<Tone, string>;

/** Node looks at the stream, and at NO_COLOR, FORCE_COLOR and TERM. */
export const paint: Paint = (tone, text) => styleText(LOOKS[tone], text, { stream: process.stdout });

/** A terminal that does not say its size says 0. */
const columns = (): number => process.stdout.columns || Infinity;

export const table = (content: Table): string => layOut(content, { columns: columns(), paint }).join('\n');

/** A sentence on as many lines as it takes. Nothing that somebody is to copy. */
export const sentence = (text: string): string => wrap(text, columns()).join('\n');
