// The one SOCKS5 client that drives every contestant: as small and as fast as Node can be.

import net from 'node:net';

export interface Target {
  /** The SOCKS port on 127.0.0.1; undefined dials the app directly. */
  readonly socksPort: number | undefined;
  readonly appPort: number;
  readonly user?: string;
  readonly password?: string;
}

const REQUEST_BYTES = 10;

const greeting = ({ user, password }: Target): Buffer[] => {
  if (user === undefined || password === undefined) return [Buffer.from([5, 1, 0])];
  const auth = Buffer.from([1, user.length, ...Buffer.from(user), password.length, ...Buffer.from(password)]);
  return [Buffer.from([5, 1, 2]), auth];
};

const connectRequest = (port: number): Buffer => Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 0xff]);

/**
 * Connects through the contestant. Resolves with a socket right behind the SOCKS reply; what it reads goes to `onData`,
 * through one buffer that is used again and again.
 */
export const connect = (target: Target, onData: (bytes: number) => void): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const port = target.socksPort ?? target.appPort;
    // What we still have to send, and how many bytes of answer each piece gets.
    const steps = target.socksPort === undefined ? [] : [...greeting(target), connectRequest(target.appPort)];
    let awaited = 0;
    let got = 0;
    const next = (): void => {
      const step = steps.shift();
      if (step === undefined) {
        awaited = 0;
        socket.off('error', reject);
        resolve(socket);
        return;
      }
      awaited = steps.length === 0 ? REQUEST_BYTES : 2;
      got = 0;
      socket.write(step);
    };
    const socket = net.connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(256 * 1024),
        callback: (bytes, buffer) => {
          if (awaited === 0) onData(bytes);
          else {
            if (got === 0 && awaited === REQUEST_BYTES && buffer[1] !== 0) {
              socket.destroy(new Error(`SOCKS reply ${buffer[1]}`));
              return true;
            }
            got += bytes;
            if (got >= awaited) next();
          }
          return true;
        },
      },
    });
    socket.once('error', reject);
    socket.once('connect', next);
  });
