// The figures as they are kept: one file, one entry per scenario, replaced as a whole by the next run of that scenario.
// So ratios are always between contestants of one run.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Figures } from './jobs.ts';
import type { FarLink } from './place.ts';
import type { Group } from './scenarios.ts';

export interface Result {
  readonly group: Group;
  readonly date: string;
  readonly rounds: number;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly kernel: string; readonly node: string };
  /** What sysctl says below net.ipv4; undefined where the run had no network of its own. */
  readonly network?: Readonly<Record<string, string>>;
  readonly link?: FarLink;
  /** By contestant. */
  readonly versions: Readonly<Record<string, string>>;
  readonly figures: Readonly<Record<string, { readonly median: Figures; readonly rounds: readonly Figures[] }>>;
}

export type Results = Readonly<Record<string, Result>>;

export const LATEST = path.join(import.meta.dirname, 'results', 'latest.json');

export const readResults = (file: string): Results =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : {};

export const keepResult = (file: string, scenario: string, result: Result): void =>
  writeFileSync(file, `${JSON.stringify({ ...readResults(file), [scenario]: result }, null, 1)}\n`);

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
};

/** Five significant digits say more than these measurements know. */
const rounded = (value: number): number => Number(value.toPrecision(5));

export const summarize = (rounds: readonly Figures[]): Result['figures'][string] => {
  const units = Object.keys(rounds[0] ?? {});
  const values = (unit: string): number[] => rounds.map((figures) => figures[unit] ?? Number.NaN);
  const shorten = (figures: Figures): Figures =>
    Object.fromEntries(Object.entries(figures).map(([unit, value]) => [unit, rounded(value)]));
  return {
    median: shorten(Object.fromEntries(units.map((unit) => [unit, median(values(unit))]))),
    rounds: rounds.map(shorten),
  };
};
