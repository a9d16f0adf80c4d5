// Those who were let in and mean harm: a local, and a device of a user. Each has a key that the server knows, says a
// proper hello, brings the tunnels that it is asked for, and then says nonsense.

import { controlHello, invitationOf, LinkSession, newIdentity, Type } from '../../support/link-client.ts';
import { openStream } from '../../support/socks-client.ts';
import type { Identity } from '../../../src/net/identity.ts';
import type { Seeded } from '../../support/seeded.ts';
import { CONTROL_FRAMES, DEVICE_FRAMES, TUNNEL_FRAMES } from './conversations.ts';
import { checked, closed, opened, type Port, speak, type Visitors } from './port.ts';
import type { Visit } from './visit.ts';
import { DEADLINES, GRACE_MS, type World } from './world.ts';

const LINK_MS = DEADLINES.linkMs + GRACE_MS;
const INSIDERS = 64;
/** For a request of a user to come to a tunnel; it may have gone to another one. */
const OPEN_MS = 200;

interface Insider {
  readonly name: string;
  readonly identity: Identity;
  readonly hello: object;
}

/** Joined once: who comes again with the same key needs no invitation. */
const join = async (world: World, name: string | undefined, hello: object): Promise<Insider> => {
  const identity = newIdentity();
  const invitation = invitationOf(await world.invite(name));
  (await LinkSession.open(world.printed.controlPort, { ...hello, invitation }, identity))[Symbol.dispose]();
  return { name: name ?? '', identity, hello };
};

const localHello = controlHello(undefined, [2, 1]);
const deviceHello = { ...controlHello(undefined, [2]), purpose: 'client', device: 'laptop' };

const logIn = ({ identity, hello }: Insider, port: number): Promise<LinkSession> =>
  LinkSession.open(port, hello, identity);

/** One at a time has the use of each. */
class Pool {
  readonly #free: Insider[];
  readonly #waiting: ((insider: Insider) => void)[] = [];

  constructor(insiders: readonly Insider[]) {
    this.#free = [...insiders];
  }

  async use<T>(act: (insider: Insider) => Promise<T>): Promise<T> {
    const insider = this.#free.pop() ?? (await new Promise<Insider>((resolve) => this.#waiting.push(resolve)));
    try {
      return await act(insider);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(insider);
      else next(insider);
    }
  }
}

const asInsiders = async (
  world: World,
  join_: (number: number) => Promise<Insider>,
  pay: (insider: Insider, port: number, chance: Seeded) => Promise<Visit>,
): Promise<Visitors> => {
  const insiders = await Promise.all(Array.from({ length: INSIDERS }, (_, number) => join_(number)));
  const pool = new Pool(insiders);
  const { controlPort } = world.printed;
  return {
    visit: (chance) => pool.use(async (insider) => checked(await pay(insider, controlPort, chance))),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
};

/** Says its piece, where somebody is to `ask` for it once that stream has come to this tunnel, or after a while without. */
const onTunnel =
  (seeds: readonly Buffer[], ask?: (insider: Insider) => Promise<void>) =>
  async (insider: Insider, port: number, chance: Seeded): Promise<Visit> => {
    using session = await logIn(insider, port);
    const [id] = await session.askedFor();
    const tunnel = await session.bring(id);
    await tunnel.next(Type.ping);
    const asking = ask?.(insider);
    if (asking !== undefined) await opened(tunnel, OPEN_MS);
    const visit = await speak(tunnel.socket, seeds, chance, LINK_MS);
    const { socket } = session.control;
    socket.destroy();
    await Promise.all([closed(socket), asking]);
    return visit;
  };

const names = (kind: string) => (number: number) => `${kind}-${number}`;

export const INSIDER_PORTS: readonly Port[] = [
  {
    name: 'a local that means harm, on its control connection',
    share: 0.01,
    sideBySide: INSIDERS,
    arrive: (world) =>
      asInsiders(
        world,
        (number) => join(world, names('talker')(number), localHello),
        async (insider, port, chance) => {
          using session = await logIn(insider, port);
          return speak(session.control.socket, CONTROL_FRAMES, chance, LINK_MS);
        },
      ),
  },
  {
    name: 'a local that means harm, on its tunnels',
    share: 0.015,
    sideBySide: INSIDERS,
    arrive: (world) =>
      asInsiders(
        world,
        (number) => join(world, names('intruder')(number), localHello),
        onTunnel(TUNNEL_FRAMES, async ({ name }) => {
          // The user is refused, cut off or served: whichever, it has to end.
          const stream = await openStream({ ...world.printed, host: `${name}.depot`, port: 80 }).catch(() => undefined);
          stream?.resume().end();
          if (stream !== undefined) await closed(stream);
        }),
      ),
  },
  {
    name: 'a device that means harm, on its tunnels',
    share: 0.015,
    sideBySide: INSIDERS,
    arrive: (world) => asInsiders(world, () => join(world, undefined, deviceHello), onTunnel(DEVICE_FRAMES)),
  },
];
