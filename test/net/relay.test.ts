import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { Relay } from '../../src/net/relay.ts';
import { FakeEndpoint, turns } from '../support/endpoints.ts';

const BROKEN = new DepotError('aborted', 'the connection ended early (ECONNRESET)');

interface Joined {
  readonly client: FakeEndpoint;
  readonly app: FakeEndpoint;
  readonly relay: Relay;
  /** What the relay says when it is over. */
  readonly ended: Promise<DepotError | undefined>;
  /** How often it has said so. */
  readonly timesEnded: () => Promise<number>;
}

const join = (options?: { readonly hold: boolean }): Joined => {
  const [client, app] = [new FakeEndpoint(options), new FakeEndpoint(options)];
  const ended = Promise.withResolvers<DepotError | undefined>();
  let times = 0;
  const relay = new Relay(client, app, (error) => {
    times += 1;
    ended.resolve(error);
  });
  const timesEnded = async (): Promise<number> => {
    await turns(1);
    return times;
  };
  return { client, app, relay, ended: ended.promise, timesEnded };
};

describe('a relay', () => {
  it('carries both directions and counts them apart', async () => {
    const { client, app, relay } = join();
    await client.give('GET /');
    await app.give('200 OK, here it is');
    assert.deepEqual([app.text, client.text], ['GET /', '200 OK, here it is']);
    assert.deepEqual([relay.bytesUp, relay.bytesDown], [5, 18]);
  });

  it('asks for more only when the other end has taken what there was', async () => {
    const { client, app } = join({ hold: true });
    let taken = false;
    const given = client.give('slowly').then(() => {
      taken = true;
    });
    await turns();
    assert.equal(taken, false);
    app.take();
    await given;
    assert.equal(taken, true);
  });

  it('is over when both directions have ended, in either order, and not before', async () => {
    for (const order of [
      ['client', 'app'],
      ['app', 'client'],
    ] as const) {
      const joined = join();
      joined[order[0]].sink.end();
      assert.deepEqual(joined[order[1]].log, ['end']);
      assert.deepEqual(joined[order[0]].log, []);
      assert.equal(await joined.timesEnded(), 0);
      joined[order[1]].sink.end();
      assert.equal(await joined.ended, undefined);
      assert.deepEqual([joined.client.log, joined.app.log], [['end'], ['end']]);
    }
  });

  it('goes on in the direction that has not ended', async () => {
    const { client, app } = join();
    client.sink.end();
    await app.give('late');
    assert.equal(client.text, 'late');
  });

  it('is not over before the last end has left this process', async () => {
    const { client, app, ended, timesEnded } = join();
    const flushed: (() => void)[] = [];
    client.end = (done) => flushed.push(done ?? assert.fail('nobody waits for the end'));
    client.sink.end();
    app.sink.end();
    assert.equal(await timesEnded(), 0);
    for (const done of flushed) done();
    assert.equal(await ended, undefined);
  });

  for (const side of ['client', 'app'] as const) {
    it(`passes an abort of the ${side} on as an abort, and tells why it is over`, async () => {
      const joined = join();
      const other = side === 'client' ? joined.app : joined.client;
      joined[side].sink.reset(BROKEN);
      assert.equal(await other.wasReset, BROKEN);
      assert.deepEqual(other.log, ['reset']);
      assert.equal(await joined.ended, BROKEN);
    });
  }

  it('passes an abort on also after one direction has ended', async () => {
    const { client, app, ended } = join();
    client.sink.end();
    client.sink.reset(BROKEN);
    assert.deepEqual(app.log, ['end', 'reset']);
    assert.equal(await ended, BROKEN);
  });

  it('that is aborted from outside aborts both ends', async () => {
    const { client, app, relay, ended } = join();
    const stopped = new DepotError('stopped', 'ended by the operator');
    relay.abort(stopped);
    assert.equal(await client.wasReset, stopped);
    assert.equal(await app.wasReset, stopped);
    assert.equal(await ended, stopped);
  });

  it('keeps to its first verdict', async () => {
    const { client, app, relay, ended, timesEnded } = join();
    client.sink.end();
    app.sink.end();
    relay.abort(BROKEN);
    assert.equal(await ended, undefined);
    assert.equal(await timesEnded(), 1);
  });
});
