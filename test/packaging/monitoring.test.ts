// packaging/prometheus and packaging/grafana: what they ask for is what /metrics tells, in words that Prometheus takes.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { ask } from '../support/api.ts';
import { App } from '../support/apps.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { curl, run } from '../support/programs.ts';

const PACKAGING = path.join(import.meta.dirname, '../../packaging');
const ALERTS = path.join(PACKAGING, 'prometheus/alerts.yaml');

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly fieldConfig: { readonly defaults: { readonly unit: string } };
  readonly targets: readonly { readonly expr: string }[];
}

const board = JSON.parse(readFileSync(path.join(PACKAGING, 'grafana/depot.json'), 'utf8')) as { panels: Panel[] };
/** As Prometheus would get it: Grafana fills in its variables. */
const expressionsOf = ({ targets }: Panel): string[] =>
  targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'));
const alerts = [...readFileSync(ALERTS, 'utf8').matchAll(/^ +expr: (.*)$/gm)].map(([, expr = '']) => expr);

/** The names and labels of everything that a server tells which has seen success, failure and strangers. */
const metrics = async (): Promise<string> => {
  using home = tempDir();
  await using app = await App.echo();
  await using depot = await Depot.pair({ home: home.path });
  await curl(depot.proxyUrl(), '--http0.9', '-m', '1', '-d', 'x', `http://${LOOPBACK}:${app.port}/`);
  await curl(depot.proxyUrl(), `http://${LOOPBACK}:${await App.closedPort()}/`);
  await curl(depot.proxyUrl({ user: 'owner', password: 'wrong' }), 'http://home.depot/');
  return (await ask({ socketPath: path.join(home.path, 'admin.sock') }, '/metrics')).text;
};

const told = await metrics();
const namesIn = (expression: string): string[] => expression.match(/\b(?:depot|process|nodejs)_\w+/g) ?? [];
const isTold = (name: string): boolean => new RegExp(`^${name}[{ ]`, 'm').test(told);

/** Puts expressions where promtool looks for them. */
const check = async (expressions: readonly string[]): Promise<void> => {
  using directory = tempDir();
  const file = path.join(directory.path, 'rules.yaml');
  const rules = expressions.map((expr, index) => ({ record: `a:b${index}`, expr }));
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'test', rules }] }));
  const { code, stdout, stderr } = await run('promtool', ['check', 'rules', file]);
  assert.equal(code, 0, stdout + stderr);
};

describe('the alerts for Prometheus', () => {
  test('are rules that promtool takes', async () => {
    const { code, stdout, stderr } = await run('promtool', ['check', 'rules', ALERTS]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, new RegExp(`SUCCESS: ${alerts.length} rules`));
  });

  test('ask for nothing that a server does not tell', () => {
    assert.deepEqual(
      alerts.flatMap(namesIn).filter((name) => !isTold(name)),
      [],
    );
  });
});

describe('the board for Grafana', () => {
  for (const panel of board.panels) {
    test(`${panel.title}: has a unit, and asks for what a server tells`, () => {
      assert.ok(panel.title.length > 2);
      assert.notEqual(panel.fieldConfig.defaults.unit, '');
      const names = expressionsOf(panel).flatMap(namesIn);
      assert.ok(names.length > 0);
      assert.deepEqual(
        names.filter((name) => !isTold(name)),
        [],
      );
    });
  }

  test('asks in words that Prometheus takes', () => check(board.panels.flatMap(expressionsOf)));

  test('has no two panels with one number', () => {
    assert.equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length);
  });
});

test('promtool finds the metrics well-formed', async () => {
  const { code, stderr } = await run('promtool', ['check', 'metrics'], { input: told });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
});
