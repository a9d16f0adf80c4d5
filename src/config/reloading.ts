// The configuration of a role while it runs: read again when somebody asks or the file has changed. What is wrong changes
// nothing. There is one object that says what is in force; whoever decides by a setting reads it there, and keeps no copy.

import { type BigIntStats, type FSWatcher, statSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { watchDirectory } from '../directory-watch.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type ConfigSources, loadConfig } from './load.ts';
import { needsRestart } from './schema.ts';

/** What reading the configuration again came to: keys of settings. */
export interface Reloaded {
  /** In force from now on. */
  readonly applied: readonly string[];
  /** Different from what runs, and in force only after a restart. */
  readonly restart: readonly string[];
  /** How many streams were ended, for they would not be let in any more. */
  readonly ended: number;
}

/** Puts in force what was prepared. Returns how many streams that ended. */
type Prepared = () => number | Promise<number>;

export interface ReloadingOptions<S extends z.ZodObject> {
  readonly schema: S;
  readonly sources: ConfigSources;
  /** What is in force; a reload writes into it. */
  readonly config: z.output<S>;
  /** Throws `invalid-config` where this cannot be; returns what is to be done once `config` says so, which cannot fail. */
  readonly prepare: (config: z.output<S>) => Prepared | Promise<Prepared>;
  readonly log: Log;
}

/** A file may be written piece by piece: so long it may take before it is read. */
const SETTLE_MS = 200;

export class Reloading<S extends z.ZodObject> {
  readonly #options: ReloadingOptions<S>;
  readonly #watcher: FSWatcher | undefined;
  #seen: string;
  /** A file that was there and is gone is a mistake, not a wish for defaults. */
  #required: boolean;
  #timer: NodeJS.Timeout | undefined;
  /** One after the other, for each goes by what is in force. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Begins to watch the file's directory: a file that is replaced by renaming is another file. */
  constructor(options: ReloadingOptions<S>) {
    this.#options = options;
    const { files, required } = options.sources;
    this.#seen = stampOf(files);
    this.#required = required || this.#seen !== MISSING;
    // All of them lie in one directory.
    this.#watcher = this.#watch(path.dirname(path.resolve(files[0] ?? '')));
  }

  /** Rejects with `invalid-config`: the place, the key, what is wrong. Nothing has changed then. */
  async reload(): Promise<Reloaded> {
    const { log } = this.#options;
    try {
      const turn = this.#turn.then(() => this.#swap());
      this.#turn = turn.catch(() => undefined);
      const reloaded = await turn;
      log.info({ event: 'reloaded', ...reloaded }, `read the configuration again: ${describe(reloaded)}`);
      return reloaded;
    } catch (error) {
      log.error({ event: 'reload-failed' }, `keeps the configuration that it has: ${messageOf(error)}`);
      throw error;
    }
  }

  /** Stops watching. */
  close(): void {
    clearTimeout(this.#timer);
    this.#watcher?.close();
  }

  async #swap(): Promise<Reloaded> {
    const { schema, sources, config: now, prepare } = this.#options;
    this.#seen = stampOf(sources.files);
    const next: Record<string, unknown> = await loadConfig(schema, { ...sources, required: this.#required });
    const changed = Object.entries(schema.shape).filter(
      ([key]) => !isDeepStrictEqual(next[key], now[key as keyof typeof now]),
    );
    const [restart, applied] = [true, false].map((restarts) =>
      changed.filter(([, field]) => needsRestart(field) === restarts).map(([key]) => key),
    ) as [string[], string[]];
    const values = Object.fromEntries(applied.map((key) => [key, next[key]]));
    const putInForce = await prepare({ ...now, ...values });
    this.#required ||= this.#seen !== MISSING;
    Object.assign(now, values);
    return { applied, restart, ended: await putInForce() };
  }

  #watch(directory: string): FSWatcher | undefined {
    const { log } = this.#options;
    // Whatever changes there: the file may be a link to what is replaced.
    return watchDirectory(
      directory,
      () => {
        this.#timer ??= setTimeout(() => this.#look(), SETTLE_MS);
      },
      (error) =>
        log.warn(
          { event: 'not-watching' },
          `changes of the configuration are not noticed (${messageOf(error)}); use \`depot reload\``,
        ),
    );
  }

  #look(): void {
    this.#timer = undefined;
    if (stampOf(this.#options.sources.files) === this.#seen) return;
    // What is wrong is in the log, and nobody waits for an answer.
    this.reload().catch(() => undefined);
  }
}

/** For a person. */
const describe = ({ applied, restart, ended }: Reloaded): string =>
  [
    `${applied.join(', ') || 'nothing'} changed`,
    ...(ended > 0 ? [`${ended} streams that are not allowed any more were ended`] : []),
    ...(restart.length > 0 ? [`needs a restart: ${restart.join(', ')}`] : []),
  ].join('; ');

const MISSING = '';

/** Undefined where it cannot be looked at; who reads it is told why. */
const statsOf = (file: string): BigIntStats | undefined => {
  try {
    return statSync(file, { bigint: true });
  } catch {
    return undefined;
  }
};

/** Another one for each version of the file, wherever it is. */
const stampOf = (files: readonly string[]): string =>
  files
    .map(statsOf)
    .flatMap((stats, index) => (stats === undefined ? [] : `${index} ${stats.ino} ${stats.size} ${stats.mtimeNs}`))
    .join();
