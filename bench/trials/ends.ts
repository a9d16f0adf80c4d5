// Both ends of the relays under trial, a process of its own: one speaks TLS, one is plain. One sends, as its argument
// says; the other counts, and tells the count for each line of standard input.

import net from 'node:net';
import tls from 'node:tls';
import { generatePrivateKey, identityOf } from '../../src/net/identity.ts';

const BLOCK = Buffer.alloc(256 * 1024 - 9, 'depot');
const [direction] = process.argv.slice(2);
let counted = 0;

const send = (socket: net.Socket): void => {
  socket.on('error', () => socket.destroy());
  const next = (): void => {
    socket.write(BLOCK, (error) => {
      if (!error) next();
    });
  };
  next();
};

const count = (socket: net.Socket): void => {
  socket.on('error', () => socket.destroy()).on('data', (data) => (counted += data.length));
};

const { privateKey, certificate } = identityOf(generatePrivateKey());
const secureOptions = { key: privateKey, cert: certificate, minVersion: 'TLSv1.3', noDelay: true } as const;
const secure = tls.createServer(secureOptions, direction === 'down' ? send : count);
const plain = net.createServer({ noDelay: true }, direction === 'down' ? count : send);
const portOf = (server: net.Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port));
  });
const [securePort, plainPort] = [await portOf(secure), await portOf(plain)];
process.stdout.write(`${JSON.stringify({ securePort, plainPort })}\n`);
process.stdin.on('data', () => process.stdout.write(`${counted}\n`));
