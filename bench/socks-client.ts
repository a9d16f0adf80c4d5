// The one SOCKS5 client that drives every contestant: as small and as fast as Node can be.

import net from 'node:net';

export interface Target {
  /** Where the client connects: the contestant's SOCKS port, or the app itself. */
  readonly host: string;
  readonly port: number;
  /** What is asked for behind a SOCKS port; undefined where `port` leads to the app by itself. */
  readonly socks?: { readonly appPort: number; readonly user?: string; readonly password?: string };
}

const REQUEST_BYTES = 10;

/** What we have to send, one piece after another; each waits for the answer to the one before. */
const steps = ({ socks }: Target): Buffer[] => {
  if (socks === undefined) return [];
  const { appPort, user, password } = socks;
  const request = Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, appPort >> 8, appPort & 0xff]);
  if (user === undefined || password === undefined) return [Buffer.from([5, 1, 0]), request];
  const auth = Buffer.from([1, user.length, ...Buffer.from(user), password.length, ...Buffer.from(password)]);
  return [Buffer.from([5, 1, 2]), auth, request];
};

/** One for all connections: what arrives is only counted, and replies are looked at before the next read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);

/** Connects through the contestant. Resolves with a socket right behind the SOCKS reply; `onData` hears of what it reads. */
export const connect = (target: Target, onData: (bytes: number, buffer: Uint8Array) => void): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const { host, port } = target;
    const left = steps(target);
    let awaited = 0;
    let got = 0;
    const next = (): void => {
      const step = left.shift();
      if (step === undefined) {
        awaited = 0;
        socket.off('error', reject);
        socket.off('close', ended);
        resolve(socket);
        return;
      }
      awaited = left.length === 0 ? REQUEST_BYTES : 2;
      got = 0;
      socket.write(step);
    };
    const onRead = (bytes: number, buffer: Uint8Array): boolean => {
      if (awaited === 0) {
        onData(bytes, buffer);
        return true;
      }
      if (got === 0 && awaited === REQUEST_BYTES && buffer[1] !== 0) {
        socket.destroy(new Error(`SOCKS reply ${buffer[1]}`));
        return true;
      }
      got += bytes;
      if (got >= awaited) next();
      return true;
    };
    const ended = (): void => reject(new Error('closed before the SOCKS reply'));
    const socket = net.connect({ host, port, noDelay: true, onread: { buffer: READ_BUFFER, callback: onRead } });
    socket.once('error', reject).once('close', ended).once('connect', next);
  });
