// The app of the transfers, a process of its own: prints its port, and then how each transfer ended on its side.

import net from 'node:net';
import { serve } from './transfer.ts';

const say = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.on('error', () => undefined);
  serve(socket).then(
    (served) => {
      if (served !== undefined) say({ number: served[0].number, ending: served[1] });
    },
    () => socket.destroy(),
  );
});
server.listen(0, '127.0.0.1', () => say({ port: (server.address() as net.AddressInfo).port }));
