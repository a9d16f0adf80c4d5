import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { deadline, dial, orAborted, resolveHost } from '../../src/net/dial.ts';
import type { Address } from '../../src/socks/address.ts';
import { turns } from '../support/endpoints.ts';

const NEVER = new AbortController().signal;
/** RFC 8305, section 8. */
const DELAY_MS = 250;

class Attempt {
  readonly address: Address;
  /** Never connects by itself: what happens to it is the test's to say. */
  readonly socket = new net.Socket();

  constructor(address: Address) {
    this.address = address;
  }

  connect(): void {
    this.socket.emit('connect');
  }

  /** Fails as the operating system would have it; resolves when everybody has heard. */
  async fail(code: string): Promise<void> {
    this.socket.destroy(Object.assign(new Error(code), { code }));
    await new Promise((resolve) => this.socket.once('close', resolve));
  }
}

interface Race {
  readonly attempts: readonly Attempt[];
  readonly result: Promise<Attempt>;
  readonly hosts: () => readonly string[];
}

const race = (hosts: readonly string[], signal: AbortSignal = NEVER): Race => {
  const attempts: Attempt[] = [];
  const open = (address: Address): Attempt => {
    const attempt = new Attempt(address);
    attempts.push(attempt);
    return attempt;
  };
  const result = dial(hosts, 80, { signal, open });
  result.catch(() => undefined);
  return { attempts, result, hosts: () => attempts.map(({ address }) => address.host) };
};

const mockTimers = (t: TestContext): void => t.mock.timers.enable({ apis: ['setTimeout'] });

const at = (attempts: readonly Attempt[], index: number): Attempt => {
  const attempt = attempts[index];
  assert.ok(attempt !== undefined, `there is no attempt ${index}`);
  return attempt;
};

describe('dialing (RFC 8305)', () => {
  it('tries the next address when the first stays silent, and goes on with both', async (t) => {
    mockTimers(t);
    const { attempts, result, hosts } = race(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    assert.deepEqual(hosts(), ['10.0.0.1']);
    t.mock.timers.tick(DELAY_MS - 1);
    assert.deepEqual(hosts(), ['10.0.0.1']);
    t.mock.timers.tick(1);
    assert.deepEqual(hosts(), ['10.0.0.1', '10.0.0.2']);
    at(attempts, 1).connect();
    assert.equal(await result, attempts[1]);
    t.mock.timers.tick(10 * DELAY_MS);
    assert.deepEqual(hosts(), ['10.0.0.1', '10.0.0.2']);
    assert.equal(at(attempts, 0).socket.destroyed, true);
    assert.equal(at(attempts, 1).socket.destroyed, false);
  });

  it('still takes the first when it answers late', async (t) => {
    mockTimers(t);
    const { attempts, result } = race(['10.0.0.1', '10.0.0.2']);
    t.mock.timers.tick(DELAY_MS);
    at(attempts, 0).connect();
    assert.equal(await result, attempts[0]);
    assert.equal(at(attempts, 1).socket.destroyed, true);
  });

  it('tries the next one at once when one fails', async (t) => {
    mockTimers(t);
    const { attempts, result, hosts } = race(['10.0.0.1', '10.0.0.2']);
    await at(attempts, 0).fail('ECONNREFUSED');
    assert.deepEqual(hosts(), ['10.0.0.1', '10.0.0.2']);
    at(attempts, 1).connect();
    assert.equal(await result, attempts[1]);
  });

  it('waits for those that still run when the last one fails', async (t) => {
    mockTimers(t);
    const { attempts, result } = race(['10.0.0.1', '10.0.0.2']);
    t.mock.timers.tick(DELAY_MS);
    await at(attempts, 1).fail('ECONNREFUSED');
    at(attempts, 0).connect();
    assert.equal(await result, attempts[0]);
  });

  it('does not mind what becomes of an attempt that lost', async (t) => {
    mockTimers(t);
    const { attempts, result } = race(['10.0.0.1', '10.0.0.2']);
    t.mock.timers.tick(DELAY_MS);
    at(attempts, 1).connect();
    await result;
    assert.equal(at(attempts, 0).socket.listenerCount('error') > 0, true);
    await turns();
  });

  it('reaches a real port behind one that refuses', async (t) => {
    const server = net.createServer((socket) => socket.end()).listen({ host: '127.0.0.1', port: 0 });
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const open = (address: Address): { readonly socket: net.Socket } => ({ socket: net.connect(address) });
    const { socket } = await dial(['127.0.0.2', '127.0.0.1'], port, { signal: NEVER, open });
    assert.equal(socket.remoteAddress, '127.0.0.1');
    socket.destroy();
  });
});

describe('a dial that fails', () => {
  const RANKED: readonly (readonly [errnos: readonly string[], code: string])[] = [
    [['ECONNREFUSED'], 'connection-refused'],
    [['EHOSTUNREACH'], 'host-unreachable'],
    [['ENETUNREACH'], 'network-unreachable'],
    [['ETIMEDOUT'], 'dial-timeout'],
    [['ECONNREFUSED', 'ENETUNREACH'], 'connection-refused'],
    [['ENETUNREACH', 'ECONNREFUSED'], 'connection-refused'],
    [['ENETUNREACH', 'EHOSTUNREACH'], 'host-unreachable'],
    [['EHOSTUNREACH', 'ETIMEDOUT'], 'dial-timeout'],
    [['EACCES', 'ETIMEDOUT'], 'not-allowed'],
    [['ESOMETHING', 'ENETUNREACH'], 'network-unreachable'],
    [['ESOMETHING'], 'dial-failed'],
    [['EAFNOSUPPORT', 'ECONNREFUSED', 'EHOSTUNREACH'], 'connection-refused'],
  ];
  for (const [errnos, code] of RANKED) {
    it(`with ${errnos.join(', then ')} tells ${code}, the most telling`, async (t) => {
      mockTimers(t);
      const { attempts, result } = race(errnos.map((_, index) => `10.0.0.${index}`));
      for (const [index, errno] of errnos.entries()) await at(attempts, index).fail(errno);
      await assert.rejects(result, (error) => error instanceof DepotError && error.code === code);
    });
  }

  it('names the address and the errno', async () => {
    const { attempts, result } = race(['fd00::1']);
    await at(attempts, 0).fail('ECONNREFUSED');
    await assert.rejects(result, { message: '[fd00::1]:80: ECONNREFUSED' });
  });

  it('for want of an address says so', async () => {
    await assert.rejects(race([]).result, (error) => error instanceof DepotError && error.code === 'name-unknown');
  });
});

describe('a dial that is aborted', () => {
  const gone = new DepotError('aborted', 'the client went away');

  it('ends every attempt and rejects with the reason', async (t) => {
    mockTimers(t);
    const aborter = new AbortController();
    const { attempts, result, hosts } = race(['10.0.0.1', '10.0.0.2', '10.0.0.3'], aborter.signal);
    t.mock.timers.tick(DELAY_MS);
    aborter.abort(gone);
    await assert.rejects(result, gone);
    for (const { socket } of attempts) assert.equal(socket.destroyed, true);
    t.mock.timers.tick(10 * DELAY_MS);
    await turns();
    assert.equal(hosts().length, 2);
  });

  it('before it began opens nothing', async () => {
    const { attempts, result } = race(['10.0.0.1'], AbortSignal.abort(gone));
    await assert.rejects(result, gone);
    assert.equal(attempts.length, 0);
  });

  it('after it succeeded leaves the connection alone', async () => {
    const aborter = new AbortController();
    const { attempts, result } = race(['10.0.0.1'], aborter.signal);
    at(attempts, 0).connect();
    await result;
    aborter.abort(gone);
    assert.equal(at(attempts, 0).socket.destroyed, false);
  });
});

describe('a deadline', () => {
  const late = new DepotError('dial-timeout', 'too late');

  it('aborts with its error when the time is over, not before', (t) => {
    mockTimers(t);
    const { signal } = deadline(1000, () => late);
    t.mock.timers.tick(999);
    assert.equal(signal.aborted, false);
    t.mock.timers.tick(1);
    assert.equal(signal.reason, late);
  });

  it("aborts with its parent, for its parent's reason, also when that was before", (t) => {
    mockTimers(t);
    const gone = new DepotError('aborted', 'gone');
    const aborter = new AbortController();
    const before = deadline(1000, () => late, aborter.signal);
    aborter.abort(gone);
    assert.equal(before.signal.reason, gone);
    assert.equal(deadline(1000, () => late, aborter.signal).signal.reason, gone);
  });

  it('that was cleared never aborts', (t) => {
    mockTimers(t);
    const aborter = new AbortController();
    const { signal, clear } = deadline(1000, () => late, aborter.signal);
    clear();
    t.mock.timers.tick(2000);
    aborter.abort(late);
    assert.equal(signal.aborted, false);
  });

  it('bounds any promise', async () => {
    const aborter = new AbortController();
    const waiting = orAborted(Promise.withResolvers<never>().promise, aborter.signal);
    aborter.abort(late);
    await assert.rejects(waiting, late);
    assert.equal(await orAborted(Promise.resolve(5), NEVER), 5);
    await assert.rejects(orAborted(Promise.withResolvers<never>().promise, AbortSignal.abort(late)), late);
  });
});

describe('finding the addresses of a name', () => {
  const lookup = (t: TestContext, addresses: readonly string[]): void => {
    const found = addresses.map((address) => ({ address, family: net.isIP(address) }));
    t.mock.method(dns, 'lookup', () => Promise.resolve(found));
  };

  it('asks nobody about an address', async (t) => {
    t.mock.method(dns, 'lookup', () => assert.fail('asked'));
    assert.deepEqual(await resolveHost('192.0.2.1'), ['192.0.2.1']);
    assert.deepEqual(await resolveHost('2001:DB8:0::1'), ['2001:db8::1']);
    assert.deepEqual(await resolveHost('::ffff:10.0.0.1'), ['10.0.0.1']);
  });

  it('asks nobody about localhost (RFC 6761)', async (t) => {
    t.mock.method(dns, 'lookup', () => assert.fail('asked'));
    assert.deepEqual(await resolveHost('localhost'), ['127.0.0.1', '::1']);
    assert.deepEqual(await resolveHost('nas.localhost'), ['127.0.0.1', '::1']);
  });

  it('lets both families take turns, beginning with the one that came first', async (t) => {
    lookup(t, ['fd00::1', 'fd00::2', 'fd00::3', '10.0.0.1', '10.0.0.2']);
    assert.deepEqual(await resolveHost('nas'), ['fd00::1', '10.0.0.1', 'fd00::2', '10.0.0.2', 'fd00::3']);
    t.mock.restoreAll();
    lookup(t, ['10.0.0.1', 'fd00::1', 'fd00::2']);
    assert.deepEqual(await resolveHost('nas'), ['10.0.0.1', 'fd00::1', 'fd00::2']);
  });

  it('gives every address once, IPv4 that hides in IPv6 as what it is', async (t) => {
    lookup(t, ['::ffff:127.0.0.1', '127.0.0.1', '10.0.0.1', '10.0.0.1']);
    assert.deepEqual(await resolveHost('nas'), ['127.0.0.1', '10.0.0.1']);
  });

  for (const errno of ['ENOTFOUND', 'EAI_AGAIN', 'ENODATA']) {
    it(`calls a name unknown on ${errno}`, async (t) => {
      t.mock.method(dns, 'lookup', () => Promise.reject(Object.assign(new Error(errno), { code: errno })));
      await assert.rejects(resolveHost('nas'), (error) => error instanceof DepotError && error.code === 'name-unknown');
    });
  }
});
