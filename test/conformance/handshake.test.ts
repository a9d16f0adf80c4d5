// The SOCKS5 handshake (RFC 1928, RFC 1929) of depot in particular: its exact answers, limits and choices. What any server
// should do is in checks/.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { App, collect } from '../support/apps.ts';
import { Depot, LOOPBACK, type Login } from '../support/depot.ts';
import { credentials, greeting, handshake, request, Wire } from '../support/socks-client.ts';

/** Names that the local under test was asked to resolve; every one is its loopback. */
const resolved: string[] = [];
const resolve = async (host: string): Promise<readonly string[]> => {
  resolved.push(host);
  return [LOOPBACK];
};

const METHOD_PASSWORD = '0502';
const AUTHENTICATED = '0100';
const SUCCEEDED = '050000';

let depot: Depot;
let echo: App;
before(async () => {
  depot = await Depot.pair({}, { resolve });
  echo = await App.echo();
});
after(async () => {
  await echo[Symbol.asyncDispose]();
  await depot[Symbol.asyncDispose]();
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const connect = (): Promise<Wire> => Wire.connect(depot.socksPort);

/** A connection that has come as far as its request. */
const authenticated = async (): Promise<Wire> => {
  const wire = await connect();
  wire.write(greeting(2), credentials(depot.login));
  assert.equal(hex(await wire.read(4)), METHOD_PASSWORD + AUTHENTICATED);
  return wire;
};

/** The whole of what a client sends, up to its first bytes for the app. */
const conversation = (early = ''): Buffer =>
  Buffer.concat([greeting(2), credentials(depot.login), request(LOOPBACK, echo.port), Buffer.from(early)]);

const expectEcho = async (wire: Wire, text: string): Promise<void> => {
  assert.equal(hex(await wire.read(4)), METHOD_PASSWORD + AUTHENTICATED);
  assert.equal(hex((await wire.read(10)).subarray(0, 3)), SUCCEEDED);
  assert.equal((await wire.read(text.length)).toString(), text);
};

test('the conversation may be cut into two at every offset', async () => {
  const bytes = conversation('early');
  for (let at = 1; at < bytes.length; at += 1) {
    using wire = await connect();
    wire.write(bytes.subarray(0, at));
    await turn();
    await turn();
    wire.write(bytes.subarray(at));
    await expectEcho(wire, 'early');
  }
});

describe('data that comes with or right after the request', () => {
  /** Answers only when the client has ended, with the digest of what it sent. */
  const digester = (): Promise<App> =>
    App.listen((socket) => {
      void collect(socket).then(async (bytes) => {
        await turn();
        socket.end(createHash('sha256').update(bytes).digest('hex'));
      });
    });
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

  for (const size of [0, 1, 1000, 65_536, 200_000, 3_000_000]) {
    test(`${size} bytes and a FIN are there before the app is: all of it arrives, and the late answer comes back`, async () => {
      await using app = await digester();
      const early = randomBytes(size);
      using wire = await connect();
      wire.finish(greeting(2), credentials(depot.login), request(LOOPBACK, app.port), early);
      await wire.read(4);
      assert.equal((await wire.readReply()).reply, 0);
      assert.equal((await wire.rest()).toString(), digest(early));
    });
  }

  test('in a write of its own, before the reply', async () => {
    await using app = await digester();
    const early = randomBytes(100_000);
    using wire = await authenticated();
    wire.write(request(LOOPBACK, app.port));
    wire.write(early);
    wire.finish();
    assert.equal((await wire.readReply()).reply, 0);
    assert.equal((await wire.rest()).toString(), digest(early));
  });
});

describe('methods', () => {
  const cases: readonly (readonly [offered: readonly number[], answer: string])[] = [
    [[2], '0502'],
    [[0, 2], '0502'],
    [[0, 1, 2], '0502'],
    [[2, 2], '0502'],
    [Array.from({ length: 255 }, (_, method) => method), '0502'],
  ];
  for (const [offered, answer] of cases) {
    test(`of ${offered.length} methods, ${offered.slice(0, 3).join()}, password is chosen`, async () => {
      using wire = await connect();
      wire.write(greeting(...offered));
      assert.equal(hex(await wire.read(2)), answer);
      wire.write(credentials(depot.login));
      assert.equal(hex(await wire.read(2)), AUTHENTICATED);
    });
  }
  for (const offered of [[], [0], [1], [0, 1], [0xff], [0x80, 0xfe]]) {
    test(`none of [${offered.join()}] is acceptable: 05 FF, then close`, async () => {
      using wire = await connect();
      wire.write(greeting(...offered));
      assert.equal(hex(await wire.rest()), '05ff');
    });
  }
});

describe('versions', () => {
  for (const version of [0, 6, 255]) {
    test(`a greeting of version ${version} is closed without an answer`, async () => {
      using wire = await connect();
      wire.write(Buffer.from([version, 1, 2]));
      assert.equal(hex(await wire.rest()), '');
    });
  }

  test('a password message of version 5: 01 01, then close', async () => {
    using wire = await connect();
    wire.write(greeting(2), Buffer.concat([Buffer.of(5), credentials(depot.login).subarray(1)]));
    assert.equal(hex(await wire.rest()), `${METHOD_PASSWORD}0101`);
  });

  test('a request of version 4: REP 1, then close', async () => {
    using wire = await authenticated();
    wire.write(Buffer.from([4, 1, 0, 1, 127, 0, 0, 1, 0, 80]));
    assert.equal((await wire.readReply()).reply, 1);
    assert.equal(hex(await wire.rest()), '');
  });
});

describe('users and passwords', () => {
  const refused: readonly (readonly [string, Login])[] = [
    ['a wrong password', { user: 'owner', password: 'wrong' }],
    ['an unknown user', { user: 'nobody', password: 'wrong' }],
    ['lengths of 0', { user: '', password: '' }],
    ['a password of length 0', { user: 'owner', password: '' }],
    ['lengths of 255', { user: 'u'.repeat(255), password: 'p'.repeat(255) }],
  ];
  test('what is wrong gets 01 01, then close', async (context) => {
    for (const [what, login] of refused) {
      // Guessing slows its address down, so each has a server of its own, with nothing to forgive.
      await context.test(what, async () => {
        await using other = await Depot.server();
        using wire = await Wire.connect(other.socksPort);
        wire.write(greeting(2), credentials(login), request(LOOPBACK, echo.port));
        assert.equal(hex(await wire.rest()), `${METHOD_PASSWORD}0101`);
      });
    }
  });

  test('the longest user name and the longest password are accepted', async () => {
    const login = { user: 'u'.repeat(128), password: 'p'.repeat(255) };
    await depot.server.administration.addUser({ name: login.user, password: login.password, locals: [] });
    const [wire, { reply }] = await handshake(depot.target(LOOPBACK, echo.port, login));
    using _ = wire;
    assert.equal(reply, 0);
  });
});

describe('requests', () => {
  for (const command of [0, 9, 0xef]) {
    test(`CMD ${command}: REP 7, then close`, async () => {
      using wire = await authenticated();
      wire.write(request(LOOPBACK, echo.port, command));
      assert.equal((await wire.readReply()).reply, 7);
      assert.equal(hex(await wire.rest()), '');
    });
  }

  for (const type of [0, 2, 9, 255]) {
    test(`ATYP ${type}: REP 8, then close`, async () => {
      using wire = await authenticated();
      wire.write(Buffer.from([5, 1, 0, type, 127, 0, 0, 1, 0, 80]));
      assert.equal((await wire.readReply()).reply, 8);
      assert.equal(hex(await wire.rest()), '');
    });
  }

  test('a name of length 0: REP 1, then close', async () => {
    using wire = await authenticated();
    wire.write(request('', echo.port));
    assert.equal((await wire.readReply()).reply, 1);
    assert.equal(hex(await wire.rest()), '');
  });

  test('a name of 255 bytes reaches the local whole', async () => {
    const name = `${'a.'.repeat(127)}z`;
    using wire = await authenticated();
    wire.write(request(name, echo.port), Buffer.from('hi'));
    assert.equal((await wire.readReply()).reply, 0);
    assert.equal((await wire.read(2)).toString(), 'hi');
    assert.equal(resolved.at(-1), name);
  });

  test('an IPv6 address reaches the local', async () => {
    using wire = await authenticated();
    const address = [...Array.from({ length: 15 }, () => 0), 1];
    wire.write(Buffer.from([5, 1, 0, 4, ...address, echo.port >> 8, echo.port & 0xff]), Buffer.from('hi'));
    assert.equal((await wire.readReply()).reply, 0);
    assert.equal(resolved.at(-1), '::1');
  });

  test('a client that leaves in the middle of its handshake is forgotten', async () => {
    const bytes = conversation();
    for (const at of [0, 1, 2, 4, bytes.length - 1]) {
      using wire = await connect();
      wire.finish(bytes.subarray(0, at));
      assert.equal(await wire.ending(), 'fin');
    }
    assert.equal(depot.server.status().streams.filter(({ state }) => state === 'connecting').length, 0);
  });
});

test('who does not finish the handshake in time is closed; who did is not', { timeout: 10_000 }, async () => {
  await using slow = await Depot.pair({ handshakeMs: 500 });
  const { socksPort, login } = slow;
  const [established, { reply }] = await handshake(slow.target(LOOPBACK, echo.port));
  using _ = established;
  assert.equal(reply, 0);
  const start = [greeting(2), credentials(login), request(LOOPBACK, echo.port)];
  const idle = [[], start.slice(0, 1), start.slice(0, 2), [Buffer.concat(start).subarray(0, -1)]].map(async (parts) => {
    using wire = await Wire.connect(socksPort);
    if (parts.length > 0) wire.write(...parts);
    return wire.ending();
  });
  const dripping = Wire.connect(socksPort).then(async (wire) => {
    // Always a little more, never enough: a deadline that each byte renews would not end this one.
    const bytes = Buffer.concat(start);
    let at = 0;
    const drip = setInterval(() => {
      at += 1;
      if (at < bytes.length) wire.write(bytes.subarray(at - 1, at));
    }, 100);
    const how = await wire.ending();
    clearInterval(drip);
    return [how, at < bytes.length - 1] as const;
  });
  await Promise.all(idle);
  assert.equal((await dripping)[1], true, 'the dripping client was closed before it was through');
  established.write(Buffer.from('still here'));
  assert.equal((await established.read(10)).toString(), 'still here');
});

describe('a server without authentication', () => {
  let open: Depot;
  before(async () => {
    open = await Depot.pair({ allowAnonymous: true });
  });
  after(() => open[Symbol.asyncDispose]());

  for (const offered of [[0], [0, 2], [2, 0], [0, 1], [0, 1, 2]]) {
    test(`of [${offered.join()}] it chooses 0`, async () => {
      using wire = await Wire.connect(open.socksPort);
      wire.write(greeting(...offered), request(LOOPBACK, echo.port), Buffer.from('hi'));
      assert.equal(hex(await wire.read(2)), '0500');
      assert.equal((await wire.readReply()).reply, 0);
      assert.equal((await wire.read(2)).toString(), 'hi');
    });
  }

  test('of [1] it accepts none', async () => {
    using wire = await Wire.connect(open.socksPort);
    wire.write(greeting(1));
    assert.equal(hex(await wire.rest()), '05ff');
  });
});

test('a server that stops closes whoever has not made a request yet', async () => {
  await using other = await Depot.server();
  using wire = await Wire.connect(other.socksPort);
  wire.write(greeting(2));
  await wire.read(2);
  const closed = wire.ending();
  await other.server.stop();
  await closed;
});
