// Nothing of depot asks anybody for anything but who it was told to: no news of versions, no usage, no name looked up.
// strace sees every connection and datagram of a process and its children, to whatever address.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { App } from '../support/apps.ts';
import { BIN, depot, parseFirstStart } from '../support/cli.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { curl, Program } from '../support/programs.ts';

const INTERRUPTED = 130;
const CALLS = 'trace=connect,sendto,sendmsg,sendmmsg';

/** The addresses in one line of strace; those of netlink are the kernel's own. */
const addressesIn = (line: string): string[] => {
  const unix = [...line.matchAll(/sun_path=@?"([^"]*)"/g)].map(([, file = '']) => file);
  const ports = [...line.matchAll(/sin6?_port=htons\((\d+)\)/g)].map(([, port = '']) => port);
  const hosts = [...line.matchAll(/inet_(?:addr\(|pton\(AF_INET6, )"([^"]*)"/g)].map(([, host = '']) => host);
  return [...unix, ...hosts.map((host, index) => `${host}:${ports[index]}`)];
};

/** A program whose every call to somebody else is written down. Signals go to itself: strace stands aside (-D). */
class Traced extends Program {
  readonly #file: string;

  constructor(file: string, args: readonly string[], home: string) {
    const traced = ['-f', '-D', '-qq', '--seccomp-bpf', '-s', '200', '-e', CALLS, '-o', file, process.execPath];
    super('strace', [...traced, ...args], { env: { HOME: home, XDG_CACHE_HOME: home } });
    this.#file = file;
  }

  /** Ends it where it has not ended yet, and says whom it has contacted, each once. */
  async contacts(signal?: NodeJS.Signals): Promise<string[]> {
    const { code, stdout, stderr } = await (signal === undefined ? this.finished : this.stop(signal));
    assert.equal(code, signal === 'SIGINT' ? INTERRUPTED : 0, stdout + stderr);
    const lines = readFileSync(this.#file, 'utf8').split('\n');
    return [...new Set(lines.flatMap(addressesIn))].sort();
  }
}

const helloApp = (): Promise<App> =>
  App.listen((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'));
  });

test('strace sees a connection, a datagram, and a name that is looked up', async () => {
  using home = tempDir();
  const code = `require('node:net').connect(9, '${LOOPBACK}').on('error', () => {});
    const socket = require('node:dgram').createSocket('udp6');
    socket.send('x', 9, '::1', () => socket.close());
    require('node:dns').resolve4('depot.invalid', () => {});`;
  await using program = new Traced(path.join(home.path, 'trace'), ['-e', code], home.path);
  const contacts = await program.contacts();
  assert.ok(contacts.includes(`${LOOPBACK}:9`), String(contacts));
  assert.ok(contacts.includes('::1:9'), String(contacts));
  assert.ok(
    contacts.some((contact) => contact.endsWith(':53')),
    String(contacts),
  );
});

test('a server calls nobody, a local its server and the app, a client its server', async () => {
  using home = tempDir();
  await using app = await helloApp();
  const at = (name: string): string => path.join(home.path, name);
  const start = (role: string, ...args: readonly string[]): Traced =>
    new Traced(at(`${role}.trace`), [BIN, role, ...args, '--home', at(role)], home.path);
  const ports = ['--socks-port', '0', '--control-port', '0', '--web-port', '0'];
  await using server = start('server', '--host', LOOPBACK, '--advertise', 'gw.invalid', ...ports);
  await server.says(/curl .*\n/);
  const { link, controlPort, socksPort, login } = parseFirstStart(server.stdout);
  await using local = start('local', '-', '--web-port', '0');
  local.child.stdin.end(link.replace('@gw.invalid', `@${LOOPBACK}`));
  await local.says(/connected to/);
  const { stdout: clientLink } = await depot(['invite', '--user', login.user, '--home', at('server')]);
  await using client = start('client', '-', '--port', '0');
  client.child.stdin.end(clientLink.replace('@gw.invalid', `@${LOOPBACK}`));
  const [, port] = await client.says(/127\.0\.0\.1:(\d+)/);
  await client.says(/connected to/);
  const url = `http://home.depot:${app.port}/`;
  const through = [`socks5h://${LOOPBACK}:${port}`, `http://${login.user}:${login.password}@${LOOPBACK}:${socksPort}`];
  for (const proxy of through) assert.equal((await curl(proxy, url)).stdout, 'hello');
  const control = `${LOOPBACK}:${controlPort}`;
  assert.deepEqual(await client.contacts('SIGTERM'), [control]);
  assert.deepEqual(await local.contacts('SIGTERM'), [control, `${LOOPBACK}:${app.port}`].sort());
  assert.deepEqual(await server.contacts('SIGTERM'), []);
});

test('a demo stays on this machine', async () => {
  using home = tempDir();
  await using demo = new Traced(path.join(home.path, 'trace'), [BIN, 'demo'], home.path);
  await demo.says(/curl .*\n/);
  const contacts = await demo.contacts('SIGINT');
  assert.notDeepEqual(contacts, []);
  for (const contact of contacts) assert.match(contact, /^127\.0\.0\.1:(?!53$)\d+$/);
});

for (const args of [['--version'], ['--help'], ['doctor'], ['config', 'show', 'server'], ['completion', 'bash']]) {
  test(`depot ${args.join(' ')} calls nobody but who may run in its home`, async () => {
    using home = tempDir();
    await using program = new Traced(path.join(home.path, 'trace'), [BIN, ...args], home.path);
    const others = (await program.contacts()).filter((contact) => !contact.startsWith(`${home.path}/`));
    assert.deepEqual(others, []);
  });
}
