import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { DepotError, messageOf } from '../../src/errors.ts';
import { formatJoinLink, type JoinLink, parseJoinLink, requireRole } from '../../src/link/join-link.ts';

const INVITATION = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ';
const FINGERPRINT = 'F'.repeat(43);
const LINK: JoinLink = {
  role: 'local',
  host: 'depot.example.org',
  port: 8964,
  name: 'nas',
  fingerprint: FINGERPRINT,
  invitation: INVITATION,
};
const TEXT = `depot://${INVITATION}@depot.example.org:8964/nas#${FINGERPRINT}`;

const base64url = (length: { readonly minLength: number; readonly maxLength: number }): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_'), ...length });

const errorFrom = (text: string): unknown => {
  try {
    parseJoinLink(text);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('the join link', () => {
  it('is one line with everything in its place', () => assert.equal(formatJoinLink(LINK), TEXT));

  it('is read back', () => assert.deepEqual(parseJoinLink(TEXT), LINK));

  it('may have blanks and line ends around it, as a paste has', () => {
    assert.deepEqual(parseJoinLink(`  ${TEXT}\r\n`), LINK);
  });

  it('writes IPv6 in brackets and reads it without', () => {
    const link = { ...LINK, host: '2001:db8::1' };
    assert.ok(formatJoinLink(link).includes('@[2001:db8::1]:8964/'));
    assert.deepEqual(parseJoinLink(formatJoinLink(link)), link);
  });

  it('gives back every link that was written', () => {
    const role = fc.constantFrom('local' as const, 'client' as const);
    const link = fc.record({
      role,
      host: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()),
      port: fc.integer({ min: 1, max: 65535 }),
      name: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/),
      fingerprint: base64url({ minLength: 43, maxLength: 43 }),
      invitation: base64url({ minLength: 20, maxLength: 43 }),
    });
    fc.assert(fc.property(link, (some) => assert.deepEqual(parseJoinLink(formatJoinLink(some)), { ...some })));
  });
});

describe('a link for a client', () => {
  const forClient: JoinLink = { ...LINK, role: 'client', name: 'Alice.B@example' };
  const text = TEXT.replace('/nas#', '/client/Alice.B@example#');

  it('says so in its path, with the user', () => {
    assert.equal(formatJoinLink(forClient), text);
    assert.deepEqual(parseJoinLink(text), forClient);
  });

  it('is none where the user could be none', () => {
    for (const name of ['client/', 'client/a b', 'client/a/b', 'client/../x', `client/${'x'.repeat(129)}`])
      assert.ok(errorFrom(TEXT.replace('/nas#', `/${name}#`)) instanceof DepotError, name);
  });

  it('leaves the name "client" to a local', () => {
    const link = { ...LINK, name: 'client' };
    assert.deepEqual(parseJoinLink(formatJoinLink(link)), link);
  });

  it('and one for a local are told apart, with what to do', () => {
    assert.doesNotThrow(() => requireRole(LINK, 'local'));
    assert.throws(() => requireRole(forClient, 'local'), /user Alice\.B@example: run `depot client`/);
    assert.throws(() => requireRole(LINK, 'client'), /local called nas: run `depot local`.*depot invite --user USER/);
  });
});

describe('a text that is no join link', () => {
  const BROKEN: readonly (readonly [what: string, text: string])[] = [
    ['nothing', ''],
    ['another scheme', TEXT.replace('depot:', 'https:')],
    ['no fingerprint, as an unquoted # in a shell leaves it', TEXT.replace(/#.*/, '')],
    ['a fingerprint that is cut off', TEXT.slice(0, -1)],
    ['a fingerprint that is too long', `${TEXT}F`],
    ['no invitation', TEXT.replace(`${INVITATION}@`, '')],
    ['an invitation that is too short', TEXT.replace(INVITATION, 'c2Vj')],
    ['no port', TEXT.replace(':8964', '')],
    ['a port beyond 65535', TEXT.replace(':8964', ':65536')],
    ['a name in capitals', TEXT.replace('/nas', '/NAS')],
    ['no name', TEXT.replace('/nas', '/')],
    ['a blank inside', TEXT.replace('/nas', '/na s')],
    ['two links', `${TEXT} ${TEXT}`],
  ];
  for (const [what, text] of BROKEN) {
    it(`is refused for ${what}, with what to do and without the secret`, () => {
      const error = errorFrom(text);
      assert.ok(error instanceof DepotError);
      assert.equal(error.code, 'invalid-argument');
      assert.match(error.message, /depot invite/);
      assert.ok(!error.message.includes(INVITATION));
    });
  }

  it('never has its secret in the error, wherever one character is changed or lost', () => {
    const change = fc.tuple(fc.nat(TEXT.length - 1), fc.constantFrom('', ' ', '#', '/', ':', '\n', '@'));
    fc.assert(
      fc.property(change, ([at, character]) => {
        const error = errorFrom(TEXT.slice(0, at) + character + TEXT.slice(at + 1));
        if (error === undefined) return;
        const shown = `${messageOf(error)} ${error instanceof Error ? String(error.cause) : ''}`;
        for (let start = 0; start + 8 <= INVITATION.length; start += 1) {
          assert.ok(!shown.includes(INVITATION.slice(start, start + 8)));
        }
      }),
    );
  });

  it('is refused where the name could be none of a local', () => {
    assert.ok(errorFrom(TEXT.replace('/nas', '/-nas')) instanceof DepotError);
    assert.ok(errorFrom(TEXT.replace('/nas', '/nas-')) instanceof DepotError);
  });
});
