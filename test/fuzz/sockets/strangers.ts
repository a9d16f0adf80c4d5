// Those who are nobody: at the ports of a server for clients, locals and browsers, at the port of a client on its own
// machine, and at the admin sockets.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { newIdentity } from '../../support/link-client.ts';
import type { Seeded } from '../../support/seeded.ts';
import { ADMIN, HTTP, PASSWORDS, SOCKS, STRANGERS, TLS, WEB, WEB_PASSWORDS } from './conversations.ts';
import { anySource, type Port, speak, type Visitors } from './port.ts';
import { dial, type Visit } from './visit.ts';
import { APP_SAYS, DEADLINES, GRACE_MS, type World } from './world.ts';

const SIDE_BY_SIDE = 512;
/** Half a handshake of TLS is waited for until its time is over, FIN or not. */
const UNFINISHED_SIDE_BY_SIDE = 2000;
/** Each of these has both sides sign and verify. */
const SECURE_SIDE_BY_SIDE = 128;
/** A web server gives a browser 10 s for the head of a request, and keeps a connection as long. */
const WEB_MS = 10_000;
/** What was let in may stay for as long as it likes. */
const NOBODY_LINGERS = 0;
const HANDSHAKE_MS = DEADLINES.handshakeMs + GRACE_MS;

/** What nobody may be told who has no password: that they are in, or anything from an app. */
const isLetIn = (answer: Buffer): boolean => {
  const text = answer.toString('latin1');
  const loggedIn = answer[0] === 5 && answer[1] === 2 && answer[2] === 1 && answer[3] === 0;
  return loggedIn || text.startsWith('HTTP/1.1 200 Connection established') || text.includes(APP_SAYS);
};

/** What nobody may be told by the dashboard: a session, or anything that is behind the login. */
const isShownIn = (answer: Buffer): boolean =>
  /set-cookie: [^=]+=[^;]|"connected":true|^# TYPE depot/im.test(answer.toString('latin1'));

const neverSo =
  (happened: (answer: Buffer) => boolean, pay: (chance: Seeded) => Promise<Visit>): Visitors['visit'] =>
  async (chance) => {
    const visit = await pay(chance);
    const text = visit.answer.subarray(0, 600).toString('latin1');
    if (happened(visit.answer)) throw new Error(`was let in: ${text}`);
    if (/^HTTP\/1.1 500|"code":"internal"/.test(text)) throw new Error(`met a mistake of ours: ${text}`);
    return visit;
  };

const visitors = (visit: Visitors['visit']): Promise<Visitors> =>
  Promise.resolve({ visit, [Symbol.asyncDispose]: () => Promise.resolve() });

type PortOf = (world: World) => number;

const overTcp =
  (portOf: PortOf, seeds: readonly Buffer[], deadlineMs = HANDSHAKE_MS, happened = isLetIn): Port['arrive'] =>
  (world) =>
    visitors(
      neverSo(happened, async (chance) =>
        speak(await dial(portOf(world), anySource(chance)), seeds, chance, deadlineMs),
      ),
    );

const insideTls =
  (portOf: PortOf, seeds: readonly Buffer[]): Port['arrive'] =>
  (world) => {
    const { privateKey: key, certificate: cert } = newIdentity();
    const secureContext = tls.createSecureContext({ key, cert });
    return visitors(
      neverSo(isLetIn, async (chance) => {
        const socket = await dial(portOf(world), anySource(chance));
        const secure = tls.connect({ socket, rejectUnauthorized: false, secureContext });
        await once(secure, 'secureConnect');
        return speak(secure, seeds, chance, HANDSHAKE_MS);
      }),
    );
  };

/** Whoever is on the same machine may ask here, so there is nothing that they must not be told. */
const unguarded =
  (connect: (world: World) => net.Socket, seeds: readonly Buffer[]): Port['arrive'] =>
  (world) =>
    visitors(
      neverSo(
        () => false,
        async (chance) => {
          const socket = connect(world);
          await once(socket, 'connect');
          return speak(socket, seeds, chance, WEB_MS + GRACE_MS, NOBODY_LINGERS);
        },
      ),
    );

const adminSocket =
  (home: 0 | 1 | 2) =>
  (world: World): net.Socket =>
    net.connect({ path: world.socketOf(home), allowHalfOpen: true });
const clientPort = (world: World): net.Socket =>
  net.connect({ host: '127.0.0.1', port: world.clientPort, allowHalfOpen: true, noDelay: true });

const entryPort: PortOf = ({ printed }) => printed.socksPort;
const linkPort: PortOf = ({ printed }) => printed.controlPort;
const webPort: PortOf = (world) => world.webPort;
const webMs = WEB_MS + GRACE_MS;

const plain = { sideBySide: SIDE_BY_SIDE };
const unfinished = { sideBySide: UNFINISHED_SIDE_BY_SIDE };
const secure = { sideBySide: SECURE_SIDE_BY_SIDE };

export const STRANGERS_PORTS: readonly Port[] = [
  { name: 'the entry, SOCKS5 and SOCKS4', share: 0.3, ...plain, arrive: overTcp(entryPort, SOCKS) },
  { name: 'the entry, HTTP', share: 0.19, ...plain, arrive: overTcp(entryPort, HTTP) },
  { name: 'the entry, passwords', share: 0.005, ...plain, arrive: overTcp(entryPort, PASSWORDS) },
  { name: 'the entry, TLS', share: 0.06, ...unfinished, arrive: overTcp(entryPort, TLS) },
  { name: 'the entry, inside TLS', share: 0.06, ...secure, arrive: insideTls(entryPort, [...SOCKS, ...HTTP]) },
  { name: 'the control port, TLS', share: 0.06, ...unfinished, arrive: overTcp(linkPort, TLS) },
  { name: 'the control and tunnel port, inside TLS', share: 0.05, ...secure, arrive: insideTls(linkPort, STRANGERS) },
  { name: 'the web port', share: 0.08, sideBySide: 256, arrive: overTcp(webPort, WEB, webMs, isShownIn) },
  {
    name: 'the web port, passwords',
    share: 0.005,
    ...secure,
    arrive: overTcp(webPort, WEB_PASSWORDS, webMs, isShownIn),
  },
  { name: "a client's own port", share: 0.04, ...secure, arrive: unguarded(clientPort, [...SOCKS, ...HTTP]) },
  { name: 'the admin socket of the server', share: 0.03, ...secure, arrive: unguarded(adminSocket(0), ADMIN) },
  { name: 'the admin socket of the local', share: 0.02, ...secure, arrive: unguarded(adminSocket(1), ADMIN) },
  { name: 'the admin socket of the client', share: 0.02, ...secure, arrive: unguarded(adminSocket(2), ADMIN) },
];
