// What is published of the settings says what the schema says. Mended by `npm run build:reference`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { jsonSchemaOf, renderPage, type Role, ROLES } from '../../scripts/config-reference.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const read = (...names: readonly string[]): string => readFileSync(path.join(ROOT, ...names), 'utf8');

/** Tables as they were before columns were made as wide as their widest cell. */
const unpadded = (markdown: string): string =>
  markdown
    .replaceAll(/[ \n]+/g, ' ')
    .replaceAll(/-{3,}/g, '---')
    .trim();

describe('what is published of the settings is current', () => {
  for (const role of Object.keys(ROLES) as Role[]) {
    test(`schema/${role}.json`, () => assert.deepEqual(JSON.parse(read('schema', `${role}.json`)), jsonSchemaOf(role)));

    test(`schema/${role}.json asks for nothing and knows every key`, () => {
      const { properties, required = [], additionalProperties } = jsonSchemaOf(role);
      assert.deepEqual({ required, additionalProperties }, { required: [], additionalProperties: false });
      assert.deepEqual(Object.keys(properties as object), ['$schema', ...Object.keys(ROLES[role].shape)]);
    });
  }

  test('docs/configuration.md', () => assert.equal(unpadded(read('docs', 'configuration.md')), unpadded(renderPage())));
});
