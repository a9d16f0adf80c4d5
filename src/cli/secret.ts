// A secret that a command is given: read from what is piped in, or asked for on a terminal, which does not show it. So it
// is in no argument list and in no shell's history.

import { Writable } from 'node:stream';
import { DepotError } from '../errors.ts';

/** Somebody pressed Ctrl-C at a question. */
export class Interrupted extends Error {}

/** What else ends a process that asks: unlike for SIGINT and SIGTERM, Node leaves the terminal as it is then. */
const ENDING = ['SIGHUP', 'SIGQUIT'] as const;

const piped = async (): Promise<string> => {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  return Buffer.concat(pieces)
    .toString()
    .replace(/\r?\n$/, '');
};

/** An answer to each question, as far as there are any: Ctrl-D ends them. Rejects with `Interrupted`. */
const answers = async (questions: readonly string[]): Promise<string[]> => {
  // Loaded only where somebody is asked, for every command starts with this module.
  const { createInterface } = await import('node:readline');
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // The terminal is switched before the question is written. Arrow keys bring nothing back that was typed before.
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  let interrupted = false;
  let question = '';
  lines.on('SIGINT', () => {
    interrupted = true;
    lines.close();
  });
  // After Ctrl-Z and fg; the terminal is switched again once this has returned, and the question comes after that.
  lines.on('SIGCONT', () => {
    lines.resume();
    setImmediate(() => process.stderr.write(question));
  });
  const end = (signal: NodeJS.Signals): void => {
    lines.close();
    process.kill(process.pid, signal);
  };
  for (const signal of ENDING) process.once(signal, end);
  const typed = lines[Symbol.asyncIterator]();
  const given: string[] = [];
  try {
    for (question of questions) {
      process.stderr.write(question);
      const { done, value } = await typed.next();
      process.stderr.write('\n');
      if (interrupted) throw new Interrupted();
      if (done === true) break;
      given.push(value);
    }
  } finally {
    lines.close();
    for (const signal of ENDING) process.off(signal, end);
  }
  return given;
};

const missing = (what: string): DepotError =>
  new DepotError(
    'invalid-argument',
    process.stdin.isTTY
      ? `Nothing was typed, a ${what} was expected.`
      : `Standard input was empty, a ${what} was expected there.`,
  );

const capitalized = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}`;

/** `what` it is, such as `join link`. Rejects with `invalid-argument` where there is none. */
const readSecret = async (what: string): Promise<string> => {
  const [secret = ''] = process.stdin.isTTY ? await answers([`${capitalized(what)}: `]) : [await piped()];
  if (secret === '') throw missing(what);
  return secret;
};

/** One that is new: on a terminal it is typed twice, for nobody sees a slip. */
export const readNewPassword = async (): Promise<string> => {
  if (!process.stdin.isTTY) return readSecret('password');
  const [password = '', again] = await answers(['New password: ', 'The same again: ']);
  if (password === '') throw missing('password');
  if (again !== password) throw new DepotError('invalid-argument', 'The two are not the same, so nothing was changed.');
  return password;
};

/** What stands where a join link is expected; `-` is one that is not to be seen there. */
export const givenLink = (argument: string | undefined): Promise<string> | string | undefined =>
  argument === '-' ? readSecret('join link') : argument;
