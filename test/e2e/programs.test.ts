// The programs that people really use, each against a real app behind a local, and each once more with a dead proxy:
// what works without the proxy proves nothing.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { App, collect } from '../support/apps.ts';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { curl, type Finished, Program, run } from '../support/programs.ts';
import { startSshd } from '../support/sshd.ts';
import { startListening } from '../support/start-listening.ts';
import { udpEcho } from '../support/udp.ts';
import { WebApp } from '../support/web-app.ts';

interface Proxy {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The proxy looks names up. */
  readonly url: string;
}

const proxyAt = (port: number, { user, password }: { user: string; password: string }): Proxy => ({
  port,
  user,
  password,
  url: `socks5h://${user}:${password}@${LOOPBACK}:${port}`,
});

let depot: Depot;
let live: Proxy;
let dead: Proxy;
let files: ReturnType<typeof tempDir>;
/** Answers with what it was asked. */
let web: WebApp;
before(async () => {
  files = tempDir();
  depot = await Depot.pair();
  live = proxyAt(depot.socksPort, depot.login);
  dead = proxyAt(await App.closedPort(), depot.login);
  web = await WebApp.parrot();
});
after(async () => {
  await web[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

/** Runs a program through the proxy, then through a dead one, which has to fail. Returns what the first run printed. */
const throughProxy = async (start: (proxy: Proxy) => Promise<Finished>): Promise<string> => {
  const { code, stdout, stderr } = await start(live);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const control = await start(dead);
  assert.notEqual(control.code, 0, 'it works without the proxy, too');
  return stdout;
};

const ncatArguments = ({ port, user, password }: Proxy): string[] => [
  '--proxy',
  `${LOOPBACK}:${port}`,
  '--proxy-type',
  'socks5',
  '--proxy-auth',
  `${user}:${password}`,
  '--proxy-dns',
  'remote',
];

test('curl, by name and by address', async () => {
  for (const host of ['home.depot', LOOPBACK]) {
    const stdout = await throughProxy(({ url }) => curl(url, `http://${host}:${web.port}/path`));
    assert.equal(stdout, 'you said GET /path HTTP/1.1');
  }
});

test('curl uploads 20 MB', async () => {
  const file = path.join(files.path, 'upload');
  writeFileSync(file, randomBytes(20_000_000));
  let received = Buffer.alloc(0);
  await using app = await WebApp.listen((request, response) => {
    void request.toArray().then((chunks) => {
      received = Buffer.concat(chunks as Buffer[]);
      response.end('thanks');
    });
  });
  const stdout = await throughProxy(({ url }) => curl(url, '-T', file, `http://home.depot:${app.port}/`));
  assert.equal(stdout, 'thanks');
  assert.ok(received.equals(readFileSync(file)));
});

test('ncat, with an app that answers only when the client has ended', async () => {
  await using app = await App.listen((socket) => {
    void collect(socket).then((bytes) => socket.end(`${bytes.length} bytes`));
  });
  const stdout = await throughProxy((proxy) =>
    run('ncat', [...ncatArguments(proxy), 'home.depot', `${app.port}`], { input: Buffer.alloc(500_000, 'x') }),
  );
  assert.equal(stdout, '500000 bytes');
});

const PYTHON = `
import socks, sys
host, port, user, password, target = sys.argv[1:]
s = socks.socksocket()
s.set_proxy(socks.SOCKS5, host, int(port), True, user, password)
s.connect(("home.depot", int(target)))
s.sendall(b"GET /python HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
data = b""
while True:
    piece = s.recv(4096)
    if not piece: break
    data += piece
sys.stdout.write(data.decode().split("\\r\\n\\r\\n")[1])
`;

test('Python with PySocks', async () => {
  const stdout = await throughProxy(({ port, user, password }) =>
    run('/usr/bin/python3', ['-c', PYTHON, LOOPBACK, `${port}`, user, password, `${web.port}`]),
  );
  assert.equal(stdout, 'you said GET /python HTTP/1.1');
});

const PYTHON_UDP = `
import socks, socket, sys
host, port, user, password, target = sys.argv[1:]
s = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM)
s.set_proxy(socks.SOCKS5, host, int(port), True, user, password)
s.settimeout(20)
s.sendto(b"hello from Python", ("home.depot", int(target)))
data, source = s.recvfrom(4096)
sys.stdout.write(data.decode() + " " + source[0])
`;

test('UDP with PySocks', async () => {
  await using echo = await udpEcho('echo: ');
  const stdout = await throughProxy(({ port, user, password }) =>
    run('/usr/bin/python3', ['-c', PYTHON_UDP, LOOPBACK, `${port}`, user, password, `${echo.port}`]),
  );
  assert.equal(stdout, `echo: hello from Python ${LOOPBACK}`);
});

/** A bare repository with one commit. */
const makeRepository = async (directory: string): Promise<string> => {
  const [work, bare] = [path.join(directory, 'work'), path.join(directory, 'repository.git')];
  const git = async (...args: readonly string[]): Promise<void> => {
    const author = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'init.defaultBranch=main'];
    const { code, stderr } = await run('git', [...author, ...args]);
    assert.equal(code, 0, stderr);
  };
  await git('init', '-q', work);
  writeFileSync(path.join(work, 'file'), 'from behind the NAT\n');
  await git('-C', work, 'add', 'file');
  await git('-C', work, 'commit', '-q', '-m', 'First');
  await git('clone', '-q', '--bare', work, bare);
  await git('-C', bare, 'update-server-info');
  return bare;
};

test('git clones over HTTP', async () => {
  using directory = tempDir();
  await makeRepository(directory.path);
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://home.depot');
    readFile(path.join(directory.path, pathname)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await using _ = { [Symbol.asyncDispose]: async () => void server.close() };
  await new Promise<void>((resolve) => void server.listen(0, LOOPBACK, resolve));
  const { port } = server.address() as { port: number };
  await throughProxy((proxy) => {
    const target = path.join(directory.path, `clone-${proxy.port}`);
    const settings = ['-c', `http.proxy=${proxy.url}`, '-c', 'protocol.version=0'];
    return run('git', [...settings, 'clone', '-q', `http://home.depot:${port}/repository.git`, target]);
  });
  const clone = path.join(directory.path, `clone-${live.port}`);
  assert.equal(readFileSync(path.join(clone, 'file'), 'utf8'), 'from behind the NAT\n');
});

test('ssh with a ProxyCommand, and git and rsync over it', async () => {
  using directory = tempDir();
  await using sshd = await startSshd(directory.path, 'home.depot');
  const options = (proxy: Proxy): string[] =>
    [`ProxyCommand=ncat ${ncatArguments(proxy).join(' ')} %h %p`, ...sshd.settings].flatMap((option) => ['-o', option]);
  const input = randomBytes(300_000).toString('base64');
  const stdout = await throughProxy((proxy) =>
    run('ssh', ['-F', 'none', ...options(proxy), 'home.depot', 'cat; echo; echo done'], { input }),
  );
  assert.equal(stdout, `${input}\ndone\n`);

  const repository = await makeRepository(directory.path);
  await throughProxy((proxy) => {
    const GIT_SSH_COMMAND = ['ssh -F none', ...options(proxy).map((option) => `'${option}'`)].join(' ');
    const target = path.join(directory.path, `clone-${proxy.port}`);
    return run('git', ['clone', '-q', `ssh://home.depot${repository}`, target], { env: { GIT_SSH_COMMAND } });
  });
  assert.equal(readFileSync(path.join(directory.path, `clone-${live.port}`, 'file'), 'utf8'), 'from behind the NAT\n');

  await throughProxy((proxy) => {
    const shell = ['ssh -F none', ...options(proxy).map((option) => `'${option}'`)].join(' ');
    return run('rsync', ['-a', '-e', shell, `home.depot:${repository}/`, path.join(directory.path, 'copy')]);
  });
  assert.deepEqual(
    readFileSync(path.join(directory.path, 'copy', 'HEAD')),
    readFileSync(path.join(repository, 'HEAD')),
  );
});

test('rsync fetches from its daemon', async () => {
  using directory = tempDir();
  const [source, config] = [path.join(directory.path, 'source'), path.join(directory.path, 'rsyncd.conf')];
  const bytes = randomBytes(500_000);
  mkdirSync(source);
  writeFileSync(path.join(source, 'file'), bytes);
  writeFileSync(
    config,
    `use chroot = no\nlog file = ${path.join(directory.path, 'log')}\n[shared]\npath = ${source}\n`,
  );
  const port = await App.closedPort();
  const at = `--address ${LOOPBACK} --port ${port} --config ${config}`;
  // A socket as its standard input, which it has from us, would be its one connection.
  await using _ = await startListening(port, 'sh', ['-c', `exec rsync --daemon --no-detach ${at} < /dev/null`]);
  await throughProxy((proxy) => {
    const RSYNC_PROXY = `${proxy.user}:${proxy.password}@${LOOPBACK}:${proxy.port}`;
    const target = path.join(directory.path, `copy-${proxy.port}`);
    return run('rsync', ['-a', `rsync://home.depot:${port}/shared/`, target], { env: { RSYNC_PROXY } });
  });
  assert.ok(readFileSync(path.join(directory.path, `copy-${live.port}`, 'file')).equals(bytes));
});

/** Runs a program that knows nothing of proxies. */
const proxychains = ({ port, user, password }: Proxy, ...command: readonly string[]): Promise<Finished> => {
  const config = path.join(files.path, `proxychains-${port}.conf`);
  const lines = [
    'strict_chain',
    'proxy_dns',
    'quiet_mode',
    '[ProxyList]',
    `socks5 ${LOOPBACK} ${port} ${user} ${password}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return run('proxychains4', ['-q', '-f', config, ...command]);
};

test('proxychains', async () => {
  const stdout = await throughProxy((proxy) =>
    proxychains(proxy, 'curl', '-sS', '--disable', '-m', '20', `http://home.depot:${web.port}/chained`),
  );
  assert.equal(stdout, 'you said GET /chained HTTP/1.1');
});

test('torsocks, which looks the name up first', async () => {
  const stdout = await throughProxy(({ port, user, password }) => {
    const args = ['-a', LOOPBACK, '-P', `${port}`, '-u', user, '-p', password, 'curl', '-sS', '--disable', '-m', '20'];
    return run('torsocks', [...args, `http://home.depot:${web.port}/tor`]);
  });
  assert.equal(stdout, 'you said GET /tor HTTP/1.1');
});

test('transmission-remote controls a daemon, with a proxy of its own and through proxychains', async () => {
  using home = tempDir();
  const port = await App.closedPort();
  const off = ['dht', 'lpd', 'pex', 'utp', 'port-forwarding', 'rpc-host-whitelist'];
  const settings = {
    ...Object.fromEntries(off.map((name) => [`${name}-enabled`, false])),
    'rpc-authentication-required': false,
    'bind-address-ipv4': LOOPBACK,
    'peer-port': 0,
    'rpc-bind-address': LOOPBACK,
    'rpc-port': port,
    'download-dir': home.path,
  };
  writeFileSync(path.join(home.path, 'settings.json'), JSON.stringify(settings));
  await using daemon = new Program('transmission-daemon', ['--foreground', '--config-dir', home.path]);
  await daemon.says(/RPC/);
  const command = ['transmission-remote', `http://home.depot:${port}/transmission`, '--session-info'] as const;
  const [remote, ...args] = command;
  const own = await throughProxy(({ url }) => run(remote, args, { env: { all_proxy: url, http_proxy: url } }));
  assert.match(own, /Daemon version/);
  const chained = await throughProxy((proxy) => proxychains(proxy, ...command));
  assert.match(chained, /Daemon version/);
});
