// The API over the admin socket, with streams that really run.

import assert from 'node:assert/strict';
import { on } from 'node:events';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Change } from '../../src/watch/feed.ts';
import type { LocalStatus, StreamStatus } from '../../src/watch/status.ts';
import { ask, type ApiAnswer, type ApiRequest, Events } from '../support/api.ts';
import { App, echoed } from '../support/apps.ts';
import { Depot, serverIn, tempDir } from '../support/depot.ts';
import { handshake, openStream, type Wire } from '../support/socks-client.ts';
import { run } from '../support/programs.ts';

interface Snapshot {
  readonly role: { readonly role: string };
  readonly locals: readonly LocalStatus[];
  readonly running: number;
}

describe('the API', () => {
  let depot: Depot;
  let app: App;
  let home: ReturnType<typeof tempDir>;
  const where = (): { socketPath: string } => ({ socketPath: path.join(home.path, 'admin.sock') });
  const api = (route: string, request?: ApiRequest): Promise<ApiAnswer> => ask(where(), `/api/v1${route}`, request);
  const open = async (port = app.port): Promise<Wire> => {
    const [wire] = await handshake(depot.target('home.depot', port));
    return wire;
  };
  before(async () => {
    home = tempDir();
    depot = await Depot.pair({ home: home.path });
    app = await App.echo();
  });
  after(async () => {
    await app[Symbol.asyncDispose]();
    await depot[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  it('refuses a host that is none, as the fuzzers found it', async () => {
    const { status, json } = await api('/status', { headers: { host: 'na.1' } });
    assert.equal(status, 400);
    assert.equal((json as { code: string }).code, 'invalid-argument');
  });

  it('describes itself, with every schema that it names', async () => {
    const { json, text } = await api('/openapi.json');
    const document = json as { openapi: string; paths: Record<string, object>; components: { schemas: object } };
    assert.equal(document.openapi, '3.1.0');
    assert.ok('delete' in (document.paths['/users/{name}'] ?? {}));
    const named = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => String(name)));
    assert.ok(named.size > 8);
    for (const name of named) assert.ok(name in document.components.schemas, name);
    assert.doesNotMatch(text, /\$defs/);
  });

  it('answers every GET of its document in the form that the document promises', async () => {
    const { paths } = (await api('/openapi.json')).json as { paths: Record<string, { get?: object }> };
    for (const [route, { get }] of Object.entries(paths)) {
      if (get === undefined || route === '/events') continue;
      const { status, json } = await api(route.replace('{name}', 'owner'));
      assert.equal(status, 200, route);
      assert.equal(typeof json, 'object', route);
    }
  });

  it('says in a sentence what was wrong', async () => {
    const wrong = await api('/users', { method: 'POST', body: { nane: 'alice' } });
    assert.equal(wrong.status, 400);
    assert.match((wrong.json as { message: string }).message, /name/);
    assert.equal((await api('/nothing')).status, 404);
    assert.equal((await api('/users', { method: 'POST', body: 'x'.repeat(70_000) })).status, 400);
    assert.equal((await api('/streams?limit=0')).status, 400);
    assert.equal((await api('/sessions/999', { method: 'DELETE' })).status, 404);
  });

  it('shows users with what they use, and nothing secret', async () => {
    await depot.addUser('secretive');
    const { text, json } = await api('/users');
    assert.doesNotMatch(text, /argon2|hash/i);
    const user = (json as { name: string; usage: { streams: number } }[]).find(({ name }) => name === 'secretive');
    assert.deepEqual(user?.usage.streams, 0);
  });

  it('tells of a stream when it begins, moves and ends, and remembers it', async () => {
    using events = await Events.open(where());
    const snapshot = await events.until<Snapshot>('snapshot');
    assert.deepEqual([snapshot.role.role, snapshot.locals.length], ['server', 1]);
    await events.until('ready');
    const wire = await open();
    const { started } = await events.until<Change>('change', (change) => change.started !== undefined);
    const id = started?.[0]?.id ?? 0;
    assert.deepEqual(started?.[0]?.target, { host: 'home.depot', port: app.port });
    wire.write(Buffer.from('hello'));
    assert.equal((await wire.read(5)).toString(), 'hello');
    const { counters } = await events.until<Change>('change', (change) => change.counters !== undefined);
    assert.deepEqual(counters, [[id, 5, 5]]);
    const page = (await api('/streams')).json as { running: number; streams: StreamStatus[] };
    assert.deepEqual([page.running, page.streams[0]?.local, page.streams[0]?.state], [1, 'home', 'open']);
    assert.equal((await api(`/sessions/${id}`, { method: 'DELETE' })).status, 204);
    assert.equal(await wire.ending(), 'rst');
    const { gone, ended } = await events.until<Change>('change', (change) => change.gone !== undefined);
    assert.deepEqual(gone, [id]);
    assert.deepEqual([ended?.[0]?.error?.code, ended?.[0]?.local, ended?.[0]?.bytesUp], ['stopped', 'home', 5]);
    const past = (await api('/streams/ended?limit=1')).json as { streams: { id: number }[] };
    assert.equal(past.streams[0]?.id, id);
    const users = (await api('/users')).json as { name: string; usage: { bytesUp: number; failures: number } }[];
    const owner = users.find(({ name }) => name === 'owner')?.usage;
    assert.deepEqual([owner?.bytesUp, owner?.failures], [5, 1]);
  });

  it('says why streams fail, through which local', async () => {
    const port = await App.closedPort();
    (await open(port))[Symbol.dispose]();
    const { json } = await api('/overview');
    const { failures } = json as { failures: { code: string; last: { subject: string } }[] };
    const refused = failures.find(({ code }) => code === 'connection-refused');
    assert.equal(refused?.last.subject, `home.depot:${port}`);
    const past = (await api('/streams/ended?limit=1')).json as { streams: { reply: number; local: string }[] };
    assert.deepEqual([past.streams[0]?.reply, past.streams[0]?.local], [5, 'home']);
  });

  it('has metrics that Prometheus reads', async () => {
    (await open())[Symbol.dispose]();
    const { text, headers } = await ask(where(), '/metrics');
    assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
    const script =
      'import sys; from prometheus_client.parser import text_string_to_metric_families as f; [print(m.type, m.name, len(m.samples)) for m in f(sys.stdin.read())]';
    const { stdout, stderr, code } = await run('/usr/bin/python3', ['-c', script], { input: text });
    assert.equal(code, 0, stderr);
    for (const family of [
      'histogram depot_connect_seconds',
      'gauge depot_link_rtt_seconds',
      'counter depot_stream_failures',
      'gauge depot_tunnels',
      'counter process_cpu_user_seconds',
    ])
      assert.ok(stdout.includes(`${family} `), `${family} in\n${stdout}`);
    assert.match(text, /^depot_connect_seconds_count\{local="home",reply="5"\} 1$/m);
    assert.match(text, /^depot_local_up\{local="home"\} 1$/m);
  });

  it('tells of a local that has a new session', async () => {
    using events = await Events.open(where());
    const { locals: before } = await events.until<Snapshot>('snapshot');
    await api('/sessions/home', { method: 'DELETE' });
    await events.until<Change>('change', ({ locals }) => {
      const [local] = locals ?? [];
      return local !== undefined && local.connected && local.since !== before[0]?.since;
    });
  });
});

describe('the history of a server', () => {
  it('is still there after a restart', async () => {
    using home = tempDir();
    {
      await using depot = await Depot.pair({ home: home.path });
      await using app = await App.echo();
      const [wire] = await handshake(depot.target('home.depot', app.port));
      wire.finish(Buffer.from('bye'));
      await wire.rest();
    }
    await using server = await serverIn(home.path);
    const [stream] = server.watcher.ended(Number.MAX_SAFE_INTEGER, 10);
    assert.deepEqual([stream?.user, stream?.bytesUp, stream?.local, stream?.error], ['owner', 3, 'home', undefined]);
    assert.equal(server.watcher.usage('user', 'owner').streams, 1);
  });

  it('forgets a user and a local that are removed, though their streams still run', async () => {
    using home = tempDir();
    await using app = await App.echo();
    {
      await using depot = await Depot.pair({ home: home.path });
      const { server } = depot;
      const login = await depot.addUser('alice');
      await depot.addLocal('attic');
      const ends = on(server.events, 'streamEnd');
      for (const target of [depot.target('home.depot', app.port, login), depot.target('attic.depot', app.port)]) {
        const stream = await openStream(target);
        await echoed(stream, 'hello');
      }
      await server.administration.removeUser('alice');
      await ends.next();
      await server.administration.revokeLocal('attic');
      await ends.next();
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(server.watcher.usage('user', 'alice').streams, 0);
      assert.equal(server.watcher.usage('local', 'attic').streams, 0);
      assert.equal(server.watcher.counters.bytes.has('attic'), false);
    }
    await using again = await serverIn(home.path);
    assert.equal(again.watcher.usage('user', 'alice').lastAt, 0);
    assert.equal(again.watcher.usage('local', 'attic').lastAt, 0);
  });
});
