// No secret anywhere it does not belong: passwords, join links and keys that are easy to recognize are used in every way
// that there is, rightly and wrongly, and then looked for in all that depot's processes leave behind.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ApiRequest, ask, cookieOf, Events, logIn } from '../support/api.ts';
import { App } from '../support/apps.ts';
import { depot, type Printed, start, startClient, startNewServer } from '../support/cli.ts';
import { LOOPBACK, tempDir } from '../support/depot.ts';
import { WebApp } from '../support/web-app.ts';
import { invitationOf } from '../support/link-client.ts';
import { curl, type Program } from '../support/programs.ts';
import { credentials, greeting, handshake, Wire } from '../support/socks-client.ts';

const canary = (): string => `Canary${randomBytes(12).toString('hex')}`;

/** What may be written nowhere, by what it is; filled as the secrets are made. */
const secrets = new Map<string, string>();
const PASSWORD = canary();
const MISTYPED = canary();
const WEBHOOK_SECRET = canary();
/** What a URL may hold that only its owner knows. */
const WEBHOOK_TOKEN = canary();

const spellings = (secret: string): readonly string[] => {
  const bytes = Buffer.from(secret);
  // What stands in front of it moves base64 by a byte or two; the middle of the text is the same then.
  const shifted = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, bytes.toString('hex'), encodeURIComponent(secret), ...shifted];
};

const assertFree = (where: string, content: string | Uint8Array): void => {
  const text = typeof content === 'string' ? content : Buffer.from(content).toString('latin1');
  for (const [what, secret] of secrets) {
    for (const spelling of spellings(secret)) assert.ok(!text.includes(spelling), `${what} is in ${where}`);
  }
};

const stack = new AsyncDisposableStack();
const homes = { server: '', local: '', client: '' };
const programs: Partial<Record<keyof typeof homes, Program>> = {};
let printed: Printed;
let clientPort = 0;
let webPassword = '';
let app: App;
/** What the webhook was sent, head and body. */
const notices: string[] = [];

/** The first base64 line of a private key: enough to know it by. */
const keyIn = (home: string): string =>
  readFileSync(path.join(home, 'key.pem'), 'utf8').split('\n')[1]?.slice(8, 48) ?? '';

const startLocalWithArgument = async (home: string, link: string): Promise<Program> => {
  const local = start(['local', link, '--home', home, '--log-level', 'debug']);
  await local.says(/connected to .* as \w+/);
  return local;
};

before(async () => {
  app = stack.use(await App.listen((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nhello'))));
  for (const role of ['server', 'local', 'client'] as const) homes[role] = stack.use(tempDir()).path;
  const hook = stack.use(
    await WebApp.listen((request, response) => {
      void request.toArray().then((pieces) => notices.push(`${request.rawHeaders.join(' ')}\n${pieces.join('')}`));
      response.end();
    }),
  );
  const operator = stack.use(tempDir()).path;
  const [secretFile, configFile] = [path.join(operator, 'secret'), path.join(operator, 'config.json')];
  writeFileSync(secretFile, WEBHOOK_SECRET, { mode: 0o600 });
  // By the file: on a command line everybody reads along.
  const url = `http://${LOOPBACK}:${hook.port}/${WEBHOOK_TOKEN}`;
  writeFileSync(configFile, JSON.stringify({ webhookUrl: url, webhookSecretFile: secretFile, webhookAfterMs: 1 }), {
    mode: 0o600,
  });
  const [server, first] = await startNewServer(homes.server, '--config', configFile, '--log-level', 'debug');
  programs.server = stack.use(server);
  printed = first;
  const at = ['--home', homes.server];
  await depot(['user', 'add', 'alice', '--password-stdin', ...at], { input: `${PASSWORD}\n` });
  const { stdout: link } = await depot(['invite', '--user', 'alice', ...at]);
  programs.local = stack.use(await startLocalWithArgument(homes.local, printed.link));
  programs.client = stack.use(await startClient(homes.client, link.trim(), '--log-level', 'debug'));
  clientPort = Number((await programs.client.says(/127\.0\.0\.1:(\d+)/))[1]);
  secrets.set('the password', PASSWORD);
  secrets.set('the password that was made', printed.login.password);
  secrets.set('a mistyped password', MISTYPED);
  secrets.set('the secret of the webhook', WEBHOOK_SECRET);
  secrets.set('the address of the webhook', WEBHOOK_TOKEN);
  webPassword = /password, shown once: (\S+)/.exec(server.stdout)?.[1] ?? '';
  secrets.set('the password of the dashboard', webPassword);
  secrets.set("the local's invitation", invitationOf(printed.link));
  secrets.set("the client's invitation", invitationOf(link));
  for (const role of ['server', 'local', 'client'] as const) secrets.set(`the ${role}'s key`, keyIn(homes[role]));
});
after(() => stack.disposeAsync());

/** Somebody who sends their password where none belongs, and a half one. */
const misuse = async (port: number): Promise<void> => {
  const login = credentials({ user: 'alice', password: PASSWORD });
  const lines = [`GET /${PASSWORD} HTTP/1.1\r\n\r\n`, `CONNECT ${PASSWORD} HTTP/1.1\r\n\r\n`, `${PASSWORD}\r\n\r\n`];
  for (const bytes of [
    login,
    Buffer.concat([greeting(2), login.subarray(0, -2)]),
    ...lines.map((line) => Buffer.from(line)),
  ]) {
    using wire = await Wire.connect(port);
    wire.finish(bytes);
    await wire.ending();
  }
};

/** All that the API answers on an admin socket: head and body. */
const answerOf = async (socketPath: string, url: string, request?: ApiRequest): Promise<string> => {
  const { headers, text } = await ask({ socketPath }, `/api/v1${url}`, request);
  return JSON.stringify(headers) + text;
};

test('secrets work, and are in no log, however they are used', async () => {
  const { socksPort } = printed;
  const [host, port] = ['home.depot', app.port];
  const login = { user: 'alice', password: PASSWORD };
  const [wire, { reply }] = await handshake({ socksPort, login, host, port });
  wire[Symbol.dispose]();
  assert.equal(reply, 0);
  await assert.rejects(handshake({ socksPort, login: { ...login, password: MISTYPED }, host, port }));
  for (const password of [PASSWORD, MISTYPED]) {
    for (const scheme of ['http', 'socks5h'])
      await curl(`${scheme}://alice:${password}@${LOOPBACK}:${socksPort}`, `http://home.depot:${port}/`);
  }
  const { stdout } = await curl(`socks5h://alice:${PASSWORD}@${LOOPBACK}:${clientPort}`, `http://home.depot:${port}/`);
  assert.equal(stdout, 'hello');
  for (const door of [socksPort, printed.controlPort, clientPort]) await misuse(door);
  for (const [role, program] of Object.entries(programs)) {
    assert.ok(program.stderr.length > 0, `the ${role} has logged something`);
    assertFree(`the log of the ${role}`, program.stderr);
  }
});

test('secrets are in no process list and no environment', () => {
  for (const [role, { pid }] of Object.entries(programs)) {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    assert.match(commandLine, new RegExp(`^depot ${role}`));
    assertFree(`the command line of the ${role}`, commandLine);
    assertFree(`the environment of the ${role}`, readFileSync(`/proc/${pid}/environ`));
    assertFree(`the title of the ${role}`, readFileSync(`/proc/${pid}/comm`));
  }
});

test('secrets are in no answer of the admin API, its refusals included', async () => {
  const urls = ['/status', '/users', '/users/alice', '/locals', '/clients', `/${PASSWORD.slice(0, 3)}`];
  for (const home of Object.values(homes)) {
    for (const url of urls) assertFree(`${url} of ${home}`, await answerOf(path.join(home, 'admin.sock'), url));
  }
  const socket = path.join(homes.server, 'admin.sock');
  const refused = [
    ['POST', '/users', JSON.stringify({ name: 'bob', password: [PASSWORD] })],
    ['POST', '/users', JSON.stringify({ name: 'alice', password: PASSWORD })],
    ['POST', '/users', JSON.stringify({ name: '', password: PASSWORD })],
    ['POST', '/users', `{"name":"bob","password":"${PASSWORD}`],
    ['PUT', '/users/nobody/password', JSON.stringify({ password: PASSWORD })],
    ['PUT', '/users/alice/password', JSON.stringify({ password: { PASSWORD } })],
  ] as const;
  for (const [method, url, body] of refused) {
    const answer = await answerOf(socket, url, { method, body });
    assert.match(answer, /"code"/);
    assertFree(`${method} ${url}`, answer);
  }
  for (const args of [
    ['status'],
    ['status', '--json'],
    ['user', 'list', '--json'],
    ['user', 'show', 'alice'],
    ['locals'],
    ['clients'],
  ])
    assertFree(args.join(' '), (await depot([...args, '--home', homes.server])).stdout);
});

test('secrets are in nothing that the dashboard is told, and in no notice but by their signature', async () => {
  const port = Number(/dashboard +http:\/\/[\w.]+:(\d+)/.exec(programs.server?.stdout ?? '')?.[1]);
  const where = { host: LOOPBACK, port };
  const login = await logIn(where, webPassword);
  assert.equal(login.status, 204);
  const cookie = cookieOf(login);
  const token = await ask(where, '/api/v1/web/metrics-token', { method: 'POST', headers: { cookie } });
  secrets.set('the token for the metrics', (token.json as { token: string }).token);
  const urls = [
    'status',
    'overview',
    'streams',
    'streams/ended',
    'users',
    'users/alice',
    'locals',
    'clients',
    'traffic',
  ];
  for (const url of ['/', '/metrics', '/healthz', '/api/v1/openapi.json', ...urls.map((name) => `/api/v1/${name}`)]) {
    const { status, text, headers: answered } = await ask(where, url, { headers: { cookie } });
    assert.equal(status, 200, url);
    assertFree(url, text + JSON.stringify(answered));
  }
  using events = await Events.open(where, { headers: { cookie } });
  await ask(where, '/api/v1/sessions/home', { method: 'DELETE', headers: { cookie } });
  for (let seen = ''; !seen.includes('"change"');) {
    const event = await events.next();
    seen = JSON.stringify(event);
    assertFree('an event', seen);
  }
  // It comes back by itself; then it goes for good.
  await programs.server?.says(/local home connected[^]*local home connected/);
  programs.local?.child.kill('SIGKILL');
  await programs.server?.says(/local home went away[^]*local home went away/);
  while (notices.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.match(notices[0] ?? '', /Depot-Signature t=\d+,v1=[0-9a-f]{64}/i);
  assertFree('a notice', notices.join(''));
  assertFree('the log of the server', programs.server?.stderr ?? '');
});

test('homes hold hashes, and each its own key', () => {
  for (const [role, home] of Object.entries(homes)) {
    for (const file of readdirSync(home).filter((name) => !name.endsWith('.sock') && name !== 'key.pem'))
      assertFree(`${file} of the ${role}`, readFileSync(path.join(home, file)));
  }
  const database = readdirSync(homes.server)
    .filter((name) => name.startsWith('depot.db'))
    .map((name) => readFileSync(path.join(homes.server, name), 'latin1'));
  assert.ok(/argon2id\$/.test(database.join('')), 'the hash of a password is seen there');
});

describe('whoever fails says nothing of it', () => {
  const link = (): string => printed.link;
  const failures: Readonly<
    Record<string, (home: string) => { readonly args: readonly string[]; readonly input?: string }>
  > = {
    'a link that is cut off': () => ({ args: ['local', link().slice(0, -5)] }),
    'a link that was used': () => ({ args: ['local', link()] }),
    'a link for another role': () => ({ args: ['client', link()] }),
    'a link where none belongs': () => ({ args: ['status', link()] }),
    'a link in place of a command': () => ({ args: [link()] }),
    'a link in place of a name': () => ({ args: ['invite', link()] }),
    'a link as an unknown flag': () => ({ args: ['local', `--link=${link()}`] }),
    'a link after an unknown flag': () => ({ args: ['local', '--lnik', link()] }),
    'a damaged database': (home) => {
      writeFileSync(path.join(home, 'depot.db'), randomBytes(8192), { mode: 0o600 });
      return { args: ['user', 'add', 'bob', '--password-stdin'], input: PASSWORD };
    },
    'a damaged key': (home) => {
      const key = readFileSync(path.join(homes.server, 'key.pem'), 'utf8');
      writeFileSync(path.join(home, 'key.pem'), key.slice(0, -60), { mode: 0o600 });
      return { args: ['server', '--host', LOOPBACK, '--socks-port', '0', '--control-port', '0'] };
    },
    'a configuration with a key in it': (home) => {
      writeFileSync(path.join(home, 'config.json'), JSON.stringify({ password: PASSWORD, socksPort: PASSWORD }));
      return { args: ['server'] };
    },
    'a configuration that is no JSON': (home) => {
      writeFileSync(path.join(home, 'config.json'), `{ "password": ${PASSWORD}`);
      return { args: ['server'] };
    },
  };
  for (const [what, prepare] of Object.entries(failures)) {
    test(what, async () => {
      using home = tempDir();
      const { args, input } = prepare(home.path);
      const { code, stdout, stderr } = await depot(
        [...args, '--home', home.path],
        input === undefined ? {} : { input },
      );
      assert.notEqual(code, 0);
      assert.notEqual(stderr, '');
      assertFree('its output', stdout + stderr);
    });
  }
});
