import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DepotError } from '../../src/errors.ts';
import { EarlyEndpoint } from '../../src/net/early-endpoint.ts';
import { Collector, FakeEndpoint, turns } from '../support/endpoints.ts';

const BROKEN = new DepotError('aborted', 'gone');
/** How much may wait for a reader before its sender has to. */
const MOST_BYTES = 64 * 1024;

interface SetUp {
  readonly inner: FakeEndpoint;
  readonly early: EarlyEndpoint;
  readonly resets: DepotError[];
  /** Gives `text` and does not wait until it is taken. */
  readonly give: (text: string) => { readonly taken: boolean };
}

const setUp = (): SetUp => {
  const inner = new FakeEndpoint();
  const resets: DepotError[] = [];
  const early = new EarlyEndpoint(inner, (error) => resets.push(error));
  const give = (text: string): { readonly taken: boolean } => {
    const state = { taken: false };
    inner.sink.write([Buffer.from(text)], () => {
      state.taken = true;
    });
    return state;
  };
  return { inner, early, resets, give };
};

const textOf = ({ early }: EarlyEndpoint): string => Buffer.from(early).toString();

describe('what comes before anybody reads', () => {
  it('can be looked at and consumed piece by piece', async () => {
    const { early, give } = setUp();
    give('hello ');
    give('world');
    assert.equal(textOf(early), 'hello world');
    early.consume(6);
    assert.equal(textOf(early), 'world');
    const more = early.more();
    give('!');
    assert.equal(await more, true);
    assert.equal(textOf(early), 'world!');
  });

  it('is delivered first, without what was consumed, and then whatever comes', () => {
    const { early, give } = setUp();
    give('handshake and');
    give(' more');
    early.consume('handshake '.length);
    const collector = new Collector();
    early.readInto(collector);
    assert.equal(collector.text, 'and more');
    give(', and later');
    assert.equal(collector.text, 'and more, and later');
  });

  it('is all that comes by here: the rest goes straight to who reads', () => {
    const { inner, early, give } = setUp();
    give('hello');
    const collector = new Collector({ hold: true });
    early.readInto(collector);
    assert.notEqual(inner.sink, collector);
    collector.take();
    assert.equal(inner.sink, collector);
  });

  it('is delivered before the end that came with it', () => {
    const { inner, early, give } = setUp();
    give('all');
    inner.sink.end();
    const collector = new Collector({ hold: true });
    early.readInto(collector);
    assert.deepEqual(collector.log, ['write']);
    collector.take();
    assert.deepEqual(collector.log, ['write', 'end']);
  });

  it('is delivered before what comes while it is not yet taken', () => {
    const { inner, early, give } = setUp();
    give('one');
    const collector = new Collector({ hold: true });
    early.readInto(collector);
    const second = give(' two');
    inner.sink.end();
    assert.equal(second.taken, false);
    assert.equal(collector.text, 'one');
    collector.take();
    assert.equal(collector.text, 'one two');
    collector.take();
    assert.equal(second.taken, true);
    assert.deepEqual(collector.log, ['write', 'write', 'end']);
  });

  it('stops its sender at 64 KiB, until somebody reads', () => {
    const { early, give } = setUp();
    assert.equal(give('x'.repeat(MOST_BYTES - 1)).taken, true);
    const last = give('xx');
    assert.equal(last.taken, false);
    const collector = new Collector();
    early.readInto(collector);
    assert.equal(collector.bytes, MOST_BYTES + 1);
    assert.equal(last.taken, true);
  });

  it('that never comes is said to', async () => {
    const { inner, early } = setUp();
    const more = early.more();
    inner.sink.end();
    assert.equal(await more, false);
    assert.equal(await early.more(), false);
  });

  it('ends the waiting when the other side aborts', async () => {
    const { inner, early, resets } = setUp();
    const more = early.more();
    inner.sink.reset(BROKEN);
    assert.equal(await more, false);
    assert.deepEqual(resets, [BROKEN]);
  });
});

describe('afterwards', () => {
  it('an end and an abort go straight to the reader', () => {
    const { inner, early, resets } = setUp();
    const collector = new Collector();
    early.readInto(collector);
    inner.sink.end();
    inner.sink.reset(BROKEN);
    assert.deepEqual(collector.log, ['end', 'reset']);
    assert.deepEqual(resets, []);
  });

  it('an end that comes the moment more is asked for is told once', () => {
    const { inner, early, give } = setUp();
    give('x'.repeat(MOST_BYTES - 1));
    // What is held back until somebody reads; its taker ends at once, as a tunnel does that has a FIN behind it.
    inner.sink.write([Buffer.from('yy')], () => inner.sink.end());
    const collector = new Collector();
    early.readInto(collector);
    assert.deepEqual(collector.log, ['write', 'end']);
  });

  it('an abort that came before is told to the reader as well', () => {
    const { inner, early } = setUp();
    inner.sink.reset(BROKEN);
    const collector = new Collector();
    early.readInto(collector);
    assert.equal(collector.log.at(-1), 'reset');
    assert.equal(collector.log.includes('end'), false);
  });

  it('the reader asks for more by taking, with nothing kept in between', async () => {
    const { early, give } = setUp();
    const collector = new Collector({ hold: true });
    early.readInto(collector);
    const piece = give('piece');
    await turns(1);
    assert.equal(piece.taken, false);
    collector.take();
    assert.equal(piece.taken, true);
  });

  it('what is discarded is read and thrown away, what was held back too', () => {
    const { early, give } = setUp();
    const held = give('x'.repeat(MOST_BYTES));
    assert.equal(held.taken, false);
    early.discard();
    assert.equal(held.taken, true);
    assert.equal(early.early.length, 0);
    assert.equal(give('x'.repeat(10 * MOST_BYTES)).taken, true);
    assert.equal(early.early.length, 0);
  });
});

describe('the other direction', () => {
  it('is passed through at all times', async () => {
    const { inner, early } = setUp();
    await new Promise<void>((resolve) => early.write([Buffer.from('method')], resolve));
    await new Promise<void>((resolve) => early.end(resolve));
    early.reset(BROKEN);
    assert.equal(inner.text, 'method');
    assert.deepEqual(inner.log, ['write', 'end', 'reset']);
    assert.equal(await inner.wasReset, BROKEN);
  });
});
