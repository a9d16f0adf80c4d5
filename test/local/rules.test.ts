import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { DepotError } from '../../src/errors.ts';
import { Rules } from '../../src/local/rules.ts';

/** Is `address`, asked for as `name`, allowed under `rules`? */
const allows = (rules: readonly string[], address: string, port = 80, name = address): boolean =>
  new Rules(rules).check(name, address, port).allowed;

describe('the grammar of a rule', () => {
  const READ: readonly (readonly [rule: string, yes: readonly [string, number], no: readonly [string, number]])[] = [
    ['192.168.1.7', ['192.168.1.7', 1], ['192.168.1.8', 1]],
    ['192.168.1.7:22', ['192.168.1.7', 22], ['192.168.1.7', 23]],
    ['192.168.1.0/24', ['192.168.1.255', 80], ['192.168.2.0', 80]],
    ['192.168.1.77/24', ['192.168.1.1', 80], ['192.168.2.77', 80]],
    ['192.168.1.0/24:22,80', ['192.168.1.9', 80], ['192.168.1.9', 443]],
    ['192.168.1.0/24:8000-8100', ['192.168.1.9', 8100], ['192.168.1.9', 8101]],
    ['10.0.0.0/8:22, 80-81', ['10.9.9.9', 81], ['10.9.9.9', 82]],
    ['fd00::7', ['fd00::7', 80], ['fd00::8', 80]],
    ['[fd00::7]', ['fd00::7', 80], ['fd00::8', 80]],
    ['[fd00::7]:22', ['fd00::7', 22], ['fd00::7', 23]],
    ['[fd00::/8]:8000-8100', ['fdff::1', 8000], ['fe00::1', 8000]],
    ['fd00::/8', ['fdff::1', 1], ['fc00::1', 1]],
    ['0.0.0.0/0', ['8.8.8.8', 1], ['2001:db8::1', 1]],
    ['::/0', ['2001:db8::1', 1], ['8.8.8.8', 1]],
    ['*:443', ['8.8.8.8', 443], ['8.8.8.8', 80]],
    [' 10.0.0.1 ', ['10.0.0.1', 80], ['10.0.0.2', 80]],
    ['10.0.0.1:0-65535', ['10.0.0.1', 65535], ['10.0.0.2', 65535]],
  ];
  for (const [rule, yes, no] of READ) {
    it(`"${rule}" allows ${yes.join(' ')} and not ${no.join(' ')}`, () => {
      assert.ok(allows([rule], ...yes));
      assert.ok(!allows([rule], ...no));
    });
  }

  const REFUSED: readonly string[] = [
    '',
    ' ',
    ':22',
    '10.0.0.1:',
    '10.0.0.1:x',
    '10.0.0.1:65536',
    '10.0.0.1:90-80',
    '10.0.0.1:80,',
    '10.0.0.1:-80',
    '10.0.0.1:80-',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    'fd00::/129',
    '[::1]:',
    '[::1',
    '10.0.0',
    '256.0.0.1',
    'a..b',
    '.lan',
    'na s',
    'nas/24',
    'http://nas',
    'nas:80:90',
  ];
  for (const rule of REFUSED) {
    it(`"${rule}" is refused, with the rule and an example`, () => {
      assert.throws(
        () => new Rules([rule]),
        (error) =>
          error instanceof DepotError &&
          error.code === 'invalid-config' &&
          error.message.includes(`"${rule}"`) &&
          error.message.includes('192.168.1.0/24:22,80'),
      );
    });
  }

  it('fails with nothing but invalid-config, whatever the text', () => {
    const likely = fc.string({ unit: fc.constantFrom('1', '0', '.', ':', '/', '[', ']', '*', '-', ',', 'a', 'f') });
    fc.assert(
      fc.property(fc.oneof(fc.string(), likely), (text) => {
        try {
          assert.ok(new Rules([text]).texts.length > 0);
        } catch (error) {
          assert.ok(error instanceof DepotError && error.code === 'invalid-config', String(error));
        }
      }),
    );
  });
});

describe('the loopback', () => {
  it('is all there is without a rule, on every port', () => {
    for (const address of ['127.0.0.1', '127.255.255.254', '::1']) {
      assert.ok(allows([], address, 0));
      assert.ok(allows([], address, 65535));
    }
    for (const address of ['10.0.0.1', '128.0.0.1', '126.255.255.255', '::2', '2001:db8::1']) {
      assert.ok(!allows([], address), address);
    }
  });

  it('stays when rules are about other places', () => {
    for (const rule of ['192.168.1.0/24', '*.lan', '*:443', '0.0.0.0/0:1', '[::/0]:1', '64.0.0.0/2:1']) {
      assert.ok(allows([rule], '127.0.0.1', 9091), rule);
      assert.ok(allows([rule], '::1', 9091), rule);
    }
  });

  it('is narrowed to what a rule says that names it', () => {
    for (const rule of ['localhost:9091', 'LocalHost:9091']) {
      assert.ok(allows([rule], '127.0.0.1', 9091));
      assert.ok(allows([rule], '127.9.9.9', 9091));
      assert.ok(allows([rule], '::1', 9091));
      assert.ok(!allows([rule], '127.0.0.1', 22));
      assert.ok(!allows([rule], '::1', 22));
    }
    assert.ok(allows(['127.0.0.1:9091'], '127.0.0.1', 9091));
    assert.ok(!allows(['127.0.0.1:9091'], '127.0.0.2', 9091));
    assert.ok(!allows(['127.0.0.1:9091'], '::1', 9091));
    assert.ok(!allows(['[::1]:9091'], '127.0.0.1', 9091));
    assert.ok(!allows(['127.0.0.0/8:9091', '192.168.0.0/16'], '127.0.0.1', 22));
  });

  it('is never reached through a name pattern, whatever the name resolves to', () => {
    for (const rule of ['*.lan', 'nas.lan', '*.*', 'n*', '127.*']) {
      for (const address of ['127.0.0.1', '127.1.2.3', '::1']) {
        const verdict = new Rules([rule, 'localhost:1']).check('nas.lan', address, 80);
        assert.equal(verdict.allowed, false, `${rule} ${address}`);
      }
    }
    assert.ok(!allows(['127.*', 'localhost:1'], '127.0.0.1', 80));
  });
});

describe('name patterns', () => {
  const MATCHES: readonly (readonly [rule: string, name: string, matches: boolean])[] = [
    ['nas.lan', 'nas.lan', true],
    ['nas.lan', 'NAS.LAN.', true],
    ['NAS.lan.', 'nas.lan', true],
    ['nas.lan', 'xnas.lan', false],
    ['nas.lan', 'nas.lan.evil.example', false],
    ['nas.lan', 'nasxlan', false],
    ['*.lan', 'nas.lan', true],
    ['*.lan', 'a.b.lan', true],
    ['*.lan', 'lan', false],
    ['*.lan', 'nas.lan.evil.example', false],
    ['nas-*', 'nas-1', true],
    ['printer_2', 'printer_2', true],
  ];
  for (const [rule, name, matches] of MATCHES) {
    it(`"${rule}" ${matches ? 'matches' : 'does not match'} ${name}`, () => {
      assert.equal(allows([rule], '192.168.1.7', 80, name), matches);
    });
  }

  it('have ports like every rule', () => {
    assert.ok(allows(['*.lan:22'], '192.168.1.7', 22, 'nas.lan'));
    assert.ok(!allows(['*.lan:22'], '192.168.1.7', 80, 'nas.lan'));
  });

  it('say nothing about the address itself', () => assert.ok(!allows(['*.lan'], '192.168.1.7')));
});

describe('special addresses', () => {
  const SPECIAL: readonly (readonly [address: string, network: string])[] = [
    ['169.254.169.254', '169.254.0.0/16'],
    ['169.254.1.1', '169.254.1.1'],
    ['fe80::1', 'fe80::/10'],
    ['224.0.0.251', '224.0.0.0/4'],
    ['239.255.255.250', '239.255.255.250'],
    ['ff02::fb', 'ff00::/8'],
    ['0.0.0.0', '0.0.0.0'],
    ['::', '::'],
    ['255.255.255.255', '255.255.255.255'],
    ['fd00:ec2::254', 'fd00:ec2::254'],
    ['100.100.100.200', '100.100.100.200'],
    ['168.63.129.16', '168.63.129.16'],
    ['192.0.0.192', '192.0.0.192'],
  ];
  for (const [address, network] of SPECIAL) {
    it(`${address} is not reached by a wide rule or a name, only by ${network}`, () => {
      for (const wide of ['*', '0.0.0.0/0', '::/0', '0.0.0.0/1', '128.0.0.0/1', 'fd00::/8', 'fc00::/6', '*.example']) {
        const verdict = new Rules([wide]).check('name.example', address, 80);
        assert.equal(verdict.allowed, false, wide);
        assert.match(verdict.reason, /need a rule that names them/);
      }
      assert.ok(allows([network], address));
      assert.ok(allows(['*', network], address));
    });
  }

  it('are not reached through IPv4 that hides in IPv6', () => {
    assert.ok(!allows(['*'], '::ffff:169.254.169.254'));
    assert.ok(!allows(['::/0'], '::ffff:169.254.169.254'));
    assert.ok(!allows(['::/0'], '::ffff:a9fe:a9fe'));
  });
});

describe('mapped addresses', () => {
  it('do not pass for another family', () => {
    assert.ok(!allows(['[::/0]:80', 'localhost:1'], '::ffff:127.0.0.1', 443));
    assert.ok(!allows(['10.0.0.0/8'], '::ffff:192.168.1.1'));
  });

  it('in a rule mean the IPv4 address, or are refused: a rule that matches nothing is a trap', () => {
    let rules: Rules;
    try {
      rules = new Rules(['[::ffff:10.0.0.1]:80']);
    } catch {
      return;
    }
    assert.ok(rules.check('10.0.0.1', '10.0.0.1', 80).allowed);
  });
});

describe('a verdict', () => {
  it('names the rule that allowed', () => {
    const { reason } = new Rules(['10.0.0.0/8', '192.168.0.0/16:80']).check('nas', '192.168.1.1', 80);
    assert.equal(reason, '192.168.1.1:80 is allowed by 192.168.0.0/16:80');
  });

  it('names the target and every rule in force when none did', () => {
    const { reason } = new Rules(['10.0.0.0/8']).check('nas', '192.168.1.1', 80);
    assert.match(reason, /192\.168\.1\.1:80/);
    assert.match(reason, /10\.0\.0\.0\/8 loopback \(the default\)/);
  });

  it('is no for what is no address at all', () => {
    for (const address of ['', 'nas.lan', '10.0.0', '*']) assert.ok(!allows(['*'], address), address);
  });
});

describe('bind: rules', () => {
  /** May `address`, announced as `name`, connect? */
  const lets = (rules: readonly string[], address: string, name = address): boolean =>
    new Rules(rules).checkBind(name, address).allowed;

  it('are needed: what may be dialed, the loopback included, may not connect', () => {
    for (const rules of [[], ['*'], ['localhost'], ['0.0.0.0/0', '::/0']])
      for (const address of ['127.0.0.1', '192.168.1.7', '0.0.0.0']) assert.ok(!lets(rules, address), rules.join());
  });

  it('say who may connect by address, network, name and loopback, and let nobody be dialed', () => {
    assert.ok(lets(['bind:192.168.1.0/24'], '192.168.1.7'));
    assert.ok(!lets(['bind:192.168.1.0/24'], '192.168.2.7'));
    assert.ok(lets(['bind:[fd00::/8]'], 'fd00::7'));
    assert.ok(lets(['bind:*.lan'], '192.168.1.7', 'ftp.lan'));
    assert.ok(!lets(['bind:*.lan'], '192.168.1.7'));
    assert.ok(lets(['bind:localhost'], '::1'));
    assert.ok(!allows(['bind:192.168.1.0/24'], '192.168.1.7'));
  });

  it('leave the loopback that may be dialed as it is', () => {
    assert.ok(allows(['bind:localhost:2000'], '127.0.0.1', 22));
  });

  it('have ports that say where the app is awaited, not where it comes from', () => {
    const ports = (rule: string): unknown => new Rules([rule]).checkBind('192.168.1.7', '192.168.1.7').ports;
    assert.deepEqual(ports('bind:192.168.1.7:2000,3000-3010'), [
      [2000, 2000],
      [3000, 3010],
    ]);
    assert.deepEqual(ports('bind:192.168.1.7'), [[0, 65535]]);
    assert.deepEqual(ports('bind:192.168.1.8'), []);
  });

  it('have to spell out everybody, and special addresses', () => {
    for (const wide of ['bind:*', 'bind:0.0.0.0/1', 'bind:::/1']) {
      assert.ok(!lets([wide], '0.0.0.0'), wide);
      assert.ok(!lets([wide], '::'), wide);
      assert.ok(!lets([wide], '169.254.169.254'), wide);
    }
    assert.ok(lets(['bind:0.0.0.0'], '0.0.0.0'));
    assert.ok(!lets(['bind:0.0.0.0'], '192.168.1.7'));
    assert.ok(lets(['bind:::'], '::'));
  });

  it('are named as they are written, by the verdict and among the rules in force', () => {
    const rules = new Rules(['bind:192.168.1.0/24']);
    assert.equal(rules.checkBind('a', '192.168.1.7').reason, '192.168.1.7 is allowed by bind:192.168.1.0/24');
    assert.match(rules.checkBind('a', '10.0.0.1').reason, /it would be bind:10\.0\.0\.1/);
    assert.ok(rules.texts.includes('bind:192.168.1.0/24'));
  });

  it('that cannot be read are refused', () => {
    for (const rule of ['bind:', 'bind:10.0.0.0/33', 'bind:10.0.0.1:x', 'bind:bind:10.0.0.1'])
      assert.throws(() => new Rules([rule]), { code: 'invalid-config' }, rule);
  });
});
