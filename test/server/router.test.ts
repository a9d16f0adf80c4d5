import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { DepotError, type ErrorCode } from '../../src/errors.ts';
import { type Group, route, type RouteKnowledge, splitUser } from '../../src/server/router.ts';

const knowledge = (
  all: readonly string[],
  connected: readonly string[] = all,
  groups: Readonly<Record<string, Group>> = {},
  streams: Readonly<Record<string, number>> = {},
): RouteKnowledge => ({
  group: (name) => groups[name],
  streams: (name) => streams[name] ?? 0,
  all: () => all,
  known: (name) => all.includes(name),
  connected: (name) => connected.includes(name),
  draining: () => false,
});

interface Case {
  readonly what: string;
  readonly host: string;
  readonly wanted?: string;
  readonly allowed?: readonly string[];
  readonly locals: RouteKnowledge;
  /** The local and the host there, or the code of the refusal. */
  readonly expected: readonly [local: string, host: string] | ErrorCode;
}

const both = knowledge(['nas', 'office']);
const onlyNas = knowledge(['nas']);
const nasAway = knowledge(['nas', 'office'], ['office']);

const CASES: readonly Case[] = [
  { what: 'NAME.depot is the loopback of NAME', host: 'nas.depot', locals: both, expected: ['nas', 'localhost'] },
  { what: 'HOST.NAME.depot is HOST at NAME', host: 'pi.nas.depot', locals: both, expected: ['nas', 'pi'] },
  { what: 'a host of several labels', host: 'pi.home.arpa.nas.depot', locals: both, expected: ['nas', 'pi.home.arpa'] },
  {
    what: 'the host wins over the user name',
    host: 'nas.depot',
    wanted: 'office',
    locals: both,
    expected: ['nas', 'localhost'],
  },
  { what: 'an unknown local in the host', host: 'x.depot', locals: both, expected: 'no-such-local' },
  { what: 'no local in the host', host: '.depot', locals: both, expected: 'malformed-request' },
  { what: 'a known local that is away', host: 'nas.depot', locals: nasAway, expected: 'local-away' },
  { what: 'depot alone is a host like any other', host: 'depot', locals: onlyNas, expected: ['nas', 'depot'] },
  { what: 'what only ends in depot is too', host: 'nasdepot', locals: onlyNas, expected: ['nas', 'nasdepot'] },
  { what: 'NAME+LOCAL', host: '10.0.0.1', wanted: 'office', locals: both, expected: ['office', '10.0.0.1'] },
  { what: 'NAME+LOCAL with an unknown local', host: '10.0.0.1', wanted: 'x', locals: both, expected: 'no-such-local' },
  {
    what: 'NAME+LOCAL with one that is away',
    host: '10.0.0.1',
    wanted: 'nas',
    locals: nasAway,
    expected: 'local-away',
  },
  { what: 'NAME+ with nothing behind it', host: '10.0.0.1', wanted: '', locals: onlyNas, expected: 'no-such-local' },
  { what: 'the only local there is', host: '127.0.0.1', locals: onlyNas, expected: ['nas', '127.0.0.1'] },
  { what: 'the only local, which is away', host: 'a', locals: knowledge(['nas'], []), expected: 'local-away' },
  { what: 'no local at all', host: 'a', locals: knowledge([]), expected: 'no-route' },
  { what: 'several locals and no word which', host: 'a', locals: both, expected: 'no-route' },
  { what: "the user's first", host: 'a', allowed: ['office', 'nas'], locals: both, expected: ['office', 'a'] },
  {
    what: "the user's second while the first is away",
    host: 'a',
    allowed: ['nas', 'office'],
    locals: nasAway,
    expected: ['office', 'a'],
  },
  { what: "all of the user's away", host: 'a', allowed: ['nas'], locals: nasAway, expected: 'local-away' },
  {
    what: "one of the user's that never joined",
    host: 'a',
    allowed: ['x', 'nas'],
    locals: both,
    expected: ['nas', 'a'],
  },
  { what: "the user's own by host", host: 'nas.depot', allowed: ['nas'], locals: both, expected: ['nas', 'localhost'] },
  { what: "not the user's by host", host: 'nas.depot', allowed: ['office'], locals: both, expected: 'not-allowed' },
  {
    what: "not the user's by user name",
    host: 'a',
    wanted: 'nas',
    allowed: ['office'],
    locals: both,
    expected: 'not-allowed',
  },
  {
    what: 'a forbidden name tells nothing about whether it exists',
    host: 'x.depot',
    allowed: ['nas'],
    locals: both,
    expected: 'not-allowed',
  },
];

describe('the route of a request', () => {
  for (const { what, host, wanted, allowed = [], locals, expected } of CASES) {
    it(`${what}: ${typeof expected === 'string' ? expected : expected.join(', host ')}`, () => {
      const chosen = (): unknown => route({ host, port: 80 }, wanted, allowed, locals);
      if (typeof expected === 'string') {
        assert.throws(chosen, (error) => error instanceof DepotError && error.code === expected);
      } else {
        const { locals: order, destination } = route({ host, port: 80 }, wanted, allowed, locals);
        assert.deepEqual([order[0], destination], [expected[0], { host: expected[1], port: 80 }]);
      }
    });
  }

  it('tells a user of several locals how to name one', () => {
    assert.throws(() => route({ host: 'a', port: 80 }, undefined, [], both), /HOST\.nas\.depot.*NAME\+nas/);
  });

  it('never leads a user to a local that is not on the list', () => {
    const host = fc.oneof(fc.domain(), fc.constantFrom('nas.depot', 'a.office.depot', 'lab.depot', 'homes.depot'));
    const names = fc.constantFrom<string>('nas', 'office', 'lab');
    fc.assert(
      fc.property(
        host,
        fc.option(names, { nil: undefined }),
        fc.uniqueArray(names, { minLength: 1 }),
        (...[to, wanted, allowed]) => {
          let found: readonly string[];
          try {
            const groups = { homes: { locals: ['nas', 'lab'], policy: 'first' } } as const;
            ({ locals: found } = route(
              { host: to, port: 1 },
              wanted,
              allowed,
              knowledge(['nas', 'office', 'lab'], undefined, groups),
            ));
          } catch {
            return;
          }
          assert.ok(found.length > 0 && found.every((local) => allowed.includes(local)));
        },
      ),
    );
  });

  it('tries every local of the list that is connected, in its order', () => {
    const { locals } = route(
      { host: 'a', port: 1 },
      undefined,
      ['lab', 'nas', 'office'],
      knowledge(['nas', 'office', 'lab'], ['nas', 'lab']),
    );
    assert.deepEqual(locals, ['lab', 'nas']);
  });

  describe('a group', () => {
    const groups = {
      homes: { locals: ['nas', 'pi'], policy: 'first' },
      labs: { locals: ['nas', 'pi', 'lab'], policy: 'least-busy' },
    } as const;
    const all = ['nas', 'pi', 'lab', 'office'];
    const house = knowledge(all, all, groups, { nas: 3, pi: 0, lab: 1 });
    const to = (host: string, wanted?: string, allowed: readonly string[] = [], locals = house): unknown => {
      const { locals: order, group, destination } = route({ host, port: 80 }, wanted, allowed, locals);
      return [group, destination.host, ...order];
    };

    it('is addressed like a local', () => {
      assert.deepEqual(to('homes.depot'), ['homes', 'localhost', 'nas', 'pi']);
      assert.deepEqual(to('printer.homes.depot'), ['homes', 'printer', 'nas', 'pi']);
      assert.deepEqual(to('10.0.0.1', 'homes'), ['homes', '10.0.0.1', 'nas', 'pi']);
    });

    it('puts the least busy first where its policy says so', () => {
      assert.deepEqual(to('labs.depot'), ['labs', 'localhost', 'pi', 'lab', 'nas']);
    });

    it('leaves out who is away, and is away when all are', () => {
      assert.deepEqual(to('homes.depot', undefined, [], knowledge(all, ['pi'], groups)), ['homes', 'localhost', 'pi']);
      assert.throws(() => to('homes.depot', undefined, [], knowledge(all, ['lab'], groups)), /group homes/);
    });

    it('gives a user those of its locals that the user may use', () => {
      assert.deepEqual(to('homes.depot', undefined, ['pi', 'office']), ['homes', 'localhost', 'pi']);
      assert.throws(() => to('homes.depot', undefined, ['office']), /may not use/);
    });

    it('stands for its locals in the list of a user', () => {
      assert.deepEqual(to('a', undefined, ['labs']), [undefined, 'a', 'pi', 'lab', 'nas']);
      assert.deepEqual(to('pi.depot', undefined, ['homes']), [undefined, 'localhost', 'pi']);
      assert.throws(() => to('office.depot', undefined, ['homes']), /may not use/);
    });
  });

  it('never asks a local for a host without a name', () => {
    for (const host of ['.nas.depot', '..nas.depot']) {
      assert.throws(
        () => route({ host, port: 80 }, undefined, [], both),
        (error) => error instanceof DepotError,
        host,
      );
    }
  });
});

describe('the name that a client gives', () => {
  const NAMES: readonly (readonly [given: string, user: string, local: string | undefined])[] = [
    ['alice', 'alice', undefined],
    ['alice+nas', 'alice', 'nas'],
    ['alice+NAS', 'alice', 'nas'],
    ['al+ice+nas', 'al+ice', 'nas'],
    ['alice+', 'alice', ''],
    ['+nas', '', 'nas'],
    ['', '', undefined],
  ];
  for (const [given, user, local] of NAMES) {
    it(`"${given}" is user "${user}"${local === undefined ? '' : ` with local "${local}"`}`, () => {
      assert.deepEqual(splitUser(given), { user, local });
    });
  }
});
