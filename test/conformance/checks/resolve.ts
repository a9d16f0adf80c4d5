// RESOLVE and RESOLVE_PTR, an extension of SOCKS5 that Tor defines (socks-extensions.txt, section 2).

import assert from 'node:assert/strict';
import net from 'node:net';
import { type Check, expectClosed, expectReply } from '../trial.ts';

const RESOLVE = 0xf0;
const RESOLVE_PTR = 0xf1;
const SECTION = 'Tor extension';
const LOOPBACKS = new Set(['127.0.0.1', '::1']);

export const RESOLVE_CHECKS: readonly Check[] = [
  {
    name: 'resolve/name',
    section: SECTION,
    expects: 'RESOLVE answers with the address of a name',
    run: async (trial) => {
      trial.requireSameMachine();
      const [, { reply, host }] = await trial.askOptional('localhost', 0, RESOLVE);
      expectReply(reply, 0);
      assert.ok(LOOPBACKS.has(host), `localhost is ${host}`);
    },
  },
  {
    name: 'resolve/unknown',
    section: SECTION,
    expects: 'RESOLVE fails for a name that there is not, and closes',
    run: async (trial) => {
      const [wire, { reply }] = await trial.askOptional('no-such-host.invalid', 0, RESOLVE);
      assert.notEqual(reply, 0, 'REP 0');
      await expectClosed(wire);
    },
  },
  {
    name: 'resolve/pointer',
    section: SECTION,
    expects: 'RESOLVE_PTR answers with the name of an address',
    run: async (trial) => {
      trial.requireSameMachine();
      const [, { reply, host }] = await trial.askOptional('127.0.0.1', 0, RESOLVE_PTR);
      expectReply(reply, 0);
      assert.ok(net.isIP(host) === 0 && host !== '', `127.0.0.1 is "${host}"`);
    },
  },
];
