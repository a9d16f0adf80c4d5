// The configuration of a role while it runs: read again when somebody asks or the file has changed. What is wrong changes
// nothing. Knows which settings can follow, not what they are for.

import { type BigIntStats, type FSWatcher, statSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { watchDirectory } from '../directory-watch.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type ConfigSources, loadConfig } from './load.ts';

/** What reading the configuration again came to: keys of settings. */
export interface Reloaded {
  /** In force from now on. */
  readonly applied: readonly string[];
  /** Different from what runs, and in force only after a restart. */
  readonly restart: readonly string[];
}

/** Puts in force what was prepared. */
type Prepared = () => void | Promise<void>;

export interface ReloadingOptions<S extends z.ZodObject> {
  readonly schema: S;
  readonly sources: ConfigSources;
  /** What runs now. */
  readonly config: z.output<S>;
  /** The settings that can change while the role runs. */
  readonly live: readonly (keyof z.output<S> & string)[];
  /** Throws `invalid-config` where this cannot be; returns what puts it in force, which cannot fail. */
  readonly prepare: (config: z.output<S>) => Prepared | Promise<Prepared>;
  readonly log: Log;
}

/** A file may be written piece by piece: so long it may take before it is read. */
const SETTLE_MS = 200;

export class Reloading<S extends z.ZodObject> {
  readonly #options: ReloadingOptions<S>;
  readonly #watcher: FSWatcher | undefined;
  #config: z.output<S>;
  #seen: string;
  /** A file that was there and is gone is a mistake, not a wish for defaults. */
  #required: boolean;
  #timer: NodeJS.Timeout | undefined;
  /** One after the other, for each goes by what is in force. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Begins to watch the file's directory: a file that is replaced by renaming is another file. */
  constructor(options: ReloadingOptions<S>) {
    this.#options = options;
    this.#config = options.config;
    const { files, required } = options.sources;
    this.#seen = stampOf(files);
    this.#required = required || this.#seen !== MISSING;
    // All of them lie in one directory.
    this.#watcher = this.#watch(path.dirname(path.resolve(files[0] ?? '')));
  }

  /** What is in force. */
  get config(): z.output<S> {
    return this.#config;
  }

  /** Rejects with `invalid-config`: the place, the key, what is wrong. Nothing has changed then. */
  async reload(): Promise<Reloaded> {
    const { log } = this.#options;
    try {
      const turn = this.#turn.then(() => this.#swap());
      this.#turn = turn.catch(() => undefined);
      const { applied, restart } = await turn;
      log.info(
        { event: 'reloaded', applied, restart },
        `read the configuration again: ${applied.join(', ') || 'nothing'} changed${restart.length > 0 ? `; a restart is needed for ${restart.join(', ')}` : ''}`,
      );
      return { applied, restart };
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
    const { schema, sources, live, prepare } = this.#options;
    this.#seen = stampOf(sources.files);
    const next: Record<string, unknown> = await loadConfig(schema, { ...sources, required: this.#required });
    const now: Record<string, unknown> = this.#config;
    const changed = Object.keys(schema.shape).filter((key) => !isDeepStrictEqual(next[key], now[key]));
    const applied = changed.filter((key) => live.includes(key));
    const config = { ...now, ...Object.fromEntries(applied.map((key) => [key, next[key]])) } as z.output<S>;
    const putInForce = await prepare(config);
    this.#required ||= this.#seen !== MISSING;
    this.#config = config;
    await putInForce();
    return { applied, restart: changed.filter((key) => !live.includes(key)) };
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
