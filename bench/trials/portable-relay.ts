// A relay of depot's own endpoints, TLS on one side and plain on the other: what Node does without help.

import net from 'node:net';
import tls from 'node:tls';
import { BufferPool } from '../../src/link/buffer-pool.ts';
import { FairShare } from '../../src/net/fair-share.ts';
import { Relay } from '../../src/net/relay.ts';
import { SocketEndpoint } from '../../src/net/socket-endpoint.ts';
import { TlsEndpoint } from '../../src/net/tls-endpoint.ts';
import { CIPHER, type Ends } from './trial.ts';

const HOST = '127.0.0.1';

export const relayPortably = ({ securePort, plainPort }: Ends, streams: number): void => {
  const share = new FairShare();
  const pool = new BufferPool();
  for (let stream = 0; stream < streams; stream += 1) {
    const raw = net.connect({ port: securePort, host: HOST, noDelay: true });
    const secure = tls.connect({ socket: raw, rejectUnauthorized: false, ciphers: CIPHER }, () => {
      const app = SocketEndpoint.connect({ port: plainPort, host: HOST }, share);
      const onEnded = (error?: Error): never => {
        throw new Error('a relay ended before it was told to', { cause: error });
      };
      void new Relay(new TlsEndpoint(secure, raw, { pool, share }), app, onEnded);
    });
  }
};
