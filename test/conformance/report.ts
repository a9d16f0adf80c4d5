// Outcomes as tables in Markdown and as JSON. Pure.

import type { Outcome, Verdict } from './trial.ts';

export interface Report {
  /** Who was judged: a name, or its address. */
  readonly subject: string;
  readonly version?: string;
  readonly outcomes: readonly Outcome[];
}

const WORDS: Readonly<Record<Verdict, string>> = {
  'pass': 'pass',
  'fail': '**fail**',
  'unsupported': 'unsupported',
  'not applicable': '–',
};

/** Columns are padded, as formatters of Markdown do. */
const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
};

const count = (report: Report, verdict: Verdict): number =>
  report.outcomes.filter((outcome) => outcome.verdict === verdict).length;

const summary = (report: Report): string =>
  (['pass', 'fail', 'unsupported', 'not applicable'] as const)
    .map((verdict) => `${count(report, verdict)} ${verdict}`)
    .join(', ');

/** One server: every check with what was seen. */
export const single = (report: Report): string => {
  const rows = report.outcomes.map(({ check, verdict, saw }) => [
    check.name,
    check.section,
    WORDS[verdict],
    saw === '' ? check.expects : `${check.expects}: ${saw}`,
  ]);
  return `${table([['check', 'where', report.subject, 'expected, and what was seen instead'], ...rows])}\n\n${summary(report)}\n`;
};

/** Several servers side by side, and below what was seen where one failed. */
export const comparison = (reports: readonly Report[]): string => {
  const checks = reports[0]?.outcomes.map(({ check }) => check) ?? [];
  const rows = checks.map((check, index) => [
    check.name,
    check.section,
    check.expects,
    ...reports.map(({ outcomes }) => WORDS[outcomes[index]?.verdict ?? 'not applicable']),
  ]);
  const head = ['check', 'where', 'what is expected', ...reports.map(({ subject }) => subject)];
  const failures = reports.map(
    (report) =>
      `${[report.subject, report.version].filter(Boolean).join(' ')}: ${summary(report)}.\n${report.outcomes
        .filter(({ verdict }) => verdict === 'fail')
        .map(({ check, saw }) => `\n- \`${check.name}\`: ${saw}`)
        .join('')}`,
  );
  return `${table([head, ...rows])}\n\n## What was seen\n\n${failures.join('\n\n').replaceAll(/\n{3,}/g, '\n\n')}\n`;
};

export const json = (reports: readonly Report[]): string =>
  JSON.stringify(
    reports.map(({ subject, version, outcomes }) => ({
      subject,
      version,
      outcomes: outcomes.map(({ check: { name, section, expects }, verdict, saw }) => ({
        check: name,
        section,
        expects,
        verdict,
        saw,
      })),
    })),
    undefined,
    2,
  );

export const hasFailed = (report: Report): boolean => count(report, 'fail') > 0;
