// Active FTP: an FTP client behind Dante's socksify asks for BIND, and the FTP server connects back to the local.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Depot, LOOPBACK, tempDir } from '../support/depot.ts';
import { Program, run } from '../support/programs.ts';
import { handshake } from '../support/socks-client.ts';

const RESOLVE = 0xf0;

/** Connects back to the address of the login alone, as an FTP server should, and knows no passive mode. */
const SERVER = `
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
class Handler(FTPHandler):
    authorizer = DummyAuthorizer()
    proto_cmds = {name: how for name, how in FTPHandler.proto_cmds.items() if name not in ("PASV", "EPSV")}
Handler.authorizer.add_user("alice", "secret", sys.argv[1], perm="elrw")
server = FTPServer(("127.0.0.1", 0), Handler)
print("port", server.socket.getsockname()[1], flush=True)
server.serve_forever(handle_exit=False)
`;

const socksConf = (port: number): string => `
logoutput: stderr
resolveprotocol: fake
route {
  from: 0.0.0.0/0 to: 0.0.0.0/0 via: ${LOOPBACK} port = ${port}
  command: bind connect
  proxyprotocol: socks_v5
  method: username
}
`;

test('active FTP: files go both ways over connections that the FTP server makes', async () => {
  using home = tempDir();
  const shared = path.join(home.path, 'shared');
  mkdirSync(shared);
  writeFileSync(path.join(shared, 'down.txt'), 'from the server\n'.repeat(10_000));
  await using depot = await Depot.pair({}, { allow: [`bind:${LOOPBACK}`] });
  await using server = new Program('/usr/bin/python3', ['-c', SERVER, shared]);
  const [, port = ''] = await server.says(/port (\d+)/);
  const configuration = path.join(home.path, 'socks.conf');
  writeFileSync(configuration, socksConf(depot.socksPort));
  writeFileSync(path.join(home.path, 'up.txt'), 'from the client\n'.repeat(10_000));
  const commands = ['user alice secret', 'get down.txt', 'put up.txt', 'quit'].join('\n');
  // socksify announces the address of the login as the one that will connect, and of a name its first four letters; what
  // it takes for this machine it does not send through the proxy at all.
  const [wire, { host: address }] = await handshake({
    socksPort: depot.socksPort,
    login: depot.login,
    host: 'home.depot',
    port: 0,
    command: RESOLVE,
  });
  wire[Symbol.dispose]();
  const { stdout, stderr } = await run('socksify', ['tnftp', '-4', '-A', '-n', '-v', address, port], {
    input: `${commands}\n`,
    cwd: home.path,
    env: {
      HOME: home.path,
      SOCKS_CONF: configuration,
      SOCKS_USERNAME: depot.login.user,
      SOCKS_PASSWORD: depot.login.password,
    },
  });
  const said = `${stdout}\n${stderr}`;
  assert.match(said, /226 Transfer complete[^]*226 Transfer complete/, said);
  for (const [from, to] of [
    [path.join(shared, 'down.txt'), path.join(home.path, 'down.txt')],
    [path.join(home.path, 'up.txt'), path.join(shared, 'up.txt')],
  ] as const)
    assert.ok(readFileSync(from).equals(readFileSync(to)));
});
