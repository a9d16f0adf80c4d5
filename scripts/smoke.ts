// Does what was built do its job where nothing else is? Installs the packed package into an empty folder and carries
// curl through a server and a local from there; uses the library and its types. With `--nodes` also on the other Nodes
// that it is for, and on those that it refuses; with `--binary`, the single executable instead.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { tmpdir } from 'node:os';
import { App } from '../test/support/apps.ts';
import { parseFirstStart } from '../test/support/cli.ts';
import { curl, Program, run } from '../test/support/programs.ts';
import { ROOT } from './bundle.ts';
import { checkRefusal, GOOD_NODES, installNode, OLD_NODES } from './other-nodes.ts';
import { checkContents } from './package-contents.ts';

type Command = readonly [program: string, ...args: string[]];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** The main job: server, local, one answer of an app through both. */
const doMainJob = async ([program, ...before]: Command, directory: string): Promise<void> => {
  const env = { XDG_CACHE_HOME: path.join(directory, 'cache') };
  const start = (...args: readonly string[]): Program =>
    new Program(program, [...before, ...args], { env, cwd: directory });
  await using app = await App.echo();
  const ports = ['--host', '127.0.0.1', '--socks-port', '0', '--control-port', '0', '--web-port', '0'];
  await using server = start('server', '--home', path.join(directory, 'server'), ...ports);
  await server.says(/curl .*\n/);
  const { login, socksPort, link } = parseFirstStart(server.stdout);
  await using local = start('local', '-', '--home', path.join(directory, 'local'));
  local.child.stdin.end(link);
  await local.says(/connected to/);
  const proxy = `socks5h://${login.user}:${login.password}@127.0.0.1:${socksPort}`;
  const { code, stdout, stderr } = await curl(
    proxy,
    '--http0.9',
    '-d',
    'through depot',
    `http://home.depot:${app.port}/`,
    '-m',
    '2',
  );
  // The app echoes the request, which curl takes for an answer of HTTP/0.9, and waits for its end.
  assert.match(stdout, /through depot/, `${code} ${stderr}`);
  const [, web] = /(http:\/\/127\.0\.0\.1:\d+\/)/.exec(server.stdout) ?? [];
  const page = await run('curl', ['-sS', '--noproxy', '*', web ?? 'no dashboard was printed']);
  assert.match(page.stdout, /app\.js/, 'the dashboard is not inside');
};

/** What the demo says to try. */
const tryDemo = async ([program, ...before]: Command, directory: string): Promise<void> => {
  const env = { XDG_CACHE_HOME: path.join(directory, 'cache') };
  await using demo = new Program(program, [...before, 'demo'], { env, cwd: directory });
  const [, curlLine = '', statusLine = ''] = await demo.says(/^ {2}(curl .*)\n {2}(.* status .*)\n/m);
  const answer = await run('sh', ['-c', curlLine], { env, cwd: directory });
  assert.match(answer.stdout, /^Hello from behind the NAT/, answer.stderr);
  const status = await run('sh', ['-c', statusLine], { env, cwd: directory });
  assert.match(status.stdout, /^depot server /, status.stderr);
};

const smokeBinary = async (executable: string, directory: string): Promise<void> => {
  await doMainJob([executable], directory);
  await tryDemo([executable], directory);
  say(`the executable does its job (${Math.round(statSync(executable).size / 1e6)} MB)`);
};

const LIBRARY = `import { createServer, VERSION } from 'depot-socks';
await using server = await createServer({ home: process.argv[2] ?? '', host: '127.0.0.1', socksPort: 0, controlPort: 0, webPort: 0 });
console.log(VERSION, server.address.socksPort);
`;

/** What a program in TypeScript needs of the declarations; one line has to be wrong. */
const CONSUMER = `import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import {
  type ConnectApp, createClient, createLocal, createServer, DepotError, type ErrorCode, type LocalOptions, type ServerStatus,
  type StreamEnd, VERSION,
} from 'depot-socks';
const connectApp: ConnectApp = ({ destination: { host, port } }) =>
  host === 'localhost' && port === 80 ? new PassThrough() : undefined;
const options: LocalOptions = { home: 'local', allow: ['localhost:80'], connectApp };
await using local = await createLocal(options);
await once(local.events, 'connected');
local.events.on('streamEnd', (stream: StreamEnd) => console.log(stream.bytesDown, stream.error?.code satisfies ErrorCode | undefined));
await using server = await createServer({ home: 'server', socksPort: 0 });
const status: ServerStatus = server.status();
const { password }: { password: string } = await server.administration.addUser({ name: 'alice', locals: ['nas'] });
await using client = await createClient({ home: 'client', port: 0 });
console.log(status.role, password, new DepotError('not-allowed', VERSION).reply, client.status().connected);
// @ts-expect-error there is no such setting
void createServer({ home: 'server', socksPrt: 1 });
`;

/** Type checks the consumer against the installed package, with the type packages that docs/library.md names. */
const compileConsumer = (directory: string): void => {
  const modules = path.join(directory, 'node_modules');
  mkdirSync(path.join(modules, '@types'));
  for (const name of ['@types/node', 'zod'])
    symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name), 'dir');
  writeFileSync(path.join(directory, 'consumer.ts'), CONSUMER);
  const options = ['--strict', '--noEmit', '--types', 'node', '--module', 'nodenext', '--target', 'esnext'];
  const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, ...options, 'consumer.ts'], { cwd: directory, stdio: 'inherit' });
};

const smokePackage = async (directory: string): Promise<void> => {
  const npm = (...args: readonly string[]): string =>
    execFileSync('npm', [...args], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] }).toString();
  const packed = npm('pack', ROOT, '--ignore-scripts', '--json');
  const [{ filename, size } = { filename: '', size: 0 }] = Object.values(
    JSON.parse(packed) as Record<string, { filename: string; size: number }>,
  );
  writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }');
  npm('install', '--no-audit', '--no-fund', '--offline', `./${filename}`);
  const installed = path.join(directory, 'node_modules', 'depot-socks');
  checkContents(installed, size);
  const prefix = path.join(directory, 'global');
  npm('install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', '--offline', `./${filename}`);
  for (const file of ['bin/depot', 'share/man/man1/depot.1'])
    assert.ok(existsSync(path.join(prefix, file)), `npm install --global makes no ${file}`);
  const program = path.join(installed, 'bin', 'depot.cjs');
  await doItsJobs(process.execPath, program, directory);
  await tryDemo([process.execPath, program], directory);
  compileConsumer(directory);
  say(`the package does its job (${filename}, ${Math.round(size / 1000)} kB)`);
  if (process.argv.includes('--nodes')) await smokeNodes(program, directory);
};

/** The command, and the library beside it. */
const doItsJobs = async (node: string, program: string, directory: string): Promise<void> => {
  const homes = mkdtempSync(path.join(directory, 'homes-'));
  await doMainJob([node, program], homes);
  writeFileSync(path.join(directory, 'library.js'), LIBRARY);
  const { code, stderr } = await run(node, ['library.js', path.join(homes, 'library')], { cwd: directory });
  assert.equal(code, 0, stderr);
};

const smokeNodes = async (program: string, directory: string): Promise<void> => {
  for (const version of GOOD_NODES) {
    await doItsJobs(installNode(version, directory), program, directory);
    say(`and on Node ${version}`);
  }
  for (const version of OLD_NODES) {
    checkRefusal(installNode(version, directory), program);
    say(`and says what it needs on Node ${version}`);
  }
};

const directory = mkdtempSync(path.join(tmpdir(), 'depot-smoke-'));
try {
  if (process.argv.includes('--binary')) await smokeBinary(path.join(ROOT, 'dist', 'bin', 'depot'), directory);
  else await smokePackage(directory);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
