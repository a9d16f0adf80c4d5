// npm run build:binary: one executable with Node, depot and the dashboard inside, for the platform of the Node that runs
// this, in dist/bin. `--node FILE` takes another Node of the same version, for another platform.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, LICENCES, ROOT, RULE } from './bundle.ts';

const { values } = parseArgs({ options: { node: { type: 'string' }, out: { type: 'string' } } });
const BIN = path.join(ROOT, 'dist', 'bin');
const WEB = path.join(ROOT, 'dist', 'web');
const executable = values.out ?? path.join(BIN, process.platform === 'win32' ? 'depot.exe' : 'depot');

const directory = mkdtempSync(path.join(tmpdir(), 'depot-binary-'));
try {
  mkdirSync(BIN, { recursive: true });
  const main = path.join(directory, 'depot.mjs');
  const licences = await bundle(
    { main: 'src/cli/main.ts' },
    {
      file: main,
      codeSplitting: false,
      // As in bin/start.cjs, which is not in here.
      intro:
        "process.title = ['depot', ...process.argv.slice(2, 3)].join(' '); process.env.UV_THREADPOOL_SIZE ??= '64';",
    },
  );
  const webLicences = readFileSync(path.join(WEB, LICENCES), 'utf8');
  writeFileSync(path.join(BIN, LICENCES), [licences, webLicences].join(RULE));
  const config = path.join(directory, 'sea.json');
  const pages = readdirSync(WEB).filter((name) => name !== LICENCES);
  const content = {
    main,
    mainFormat: 'module',
    output: executable,
    executable: values.node,
    disableExperimentalSEAWarning: true,
    assets: Object.fromEntries(pages.map((name) => [name, path.join(WEB, name)])),
  };
  writeFileSync(config, JSON.stringify(content));
  execFileSync(process.execPath, ['--build-sea', config], { stdio: 'inherit' });
} finally {
  rmSync(directory, { recursive: true, force: true });
}
