// The app behind every contestant: a source, a sink and an echo, as the first line of the connection asks.
//   D        sends until the connection ends
//   U <ms>   takes what comes for so long from its first byte on, then answers how many bytes a second that was
//   E        sends back whatever comes
// On UDP, at the same port, it sends back whatever comes. Its argument is the address to listen on.

import dgram from 'node:dgram';
import net from 'node:net';

const BLOCK = Buffer.alloc(256 * 1024, 'depot');

const send = (socket: net.Socket): void => {
  socket.write(BLOCK, (error) => {
    if (!error) send(socket);
  });
};

const take = (socket: net.Socket, forMs: number): void => {
  const started = performance.now();
  let taken = 0;
  let over = false;
  socket.on('data', (data) => {
    taken += data.length;
    const tookMs = performance.now() - started;
    if (over || tookMs < forMs) return;
    over = true;
    socket.write(`${Math.round(taken / (tookMs / 1000))}\n`);
  });
};

const serve = (socket: net.Socket): void => {
  socket.on('error', () => socket.destroy());
  socket.once('data', (data: Buffer) => {
    const end = data.indexOf(10);
    const [kind, count] = data.subarray(0, end).toString().split(' ');
    const rest = data.subarray(end + 1);
    if (kind === 'D') {
      send(socket);
      socket.resume().on('end', () => socket.destroy());
    } else if (kind === 'U') take(socket, Number(count));
    else {
      if (rest.length > 0) socket.write(rest);
      socket.pipe(socket);
    }
  });
};

const server = net.createServer({ noDelay: true, allowHalfOpen: true }, serve);
const host = process.argv[2] ?? '127.0.0.1';
server.listen({ port: 0, host, backlog: 4096 }, () => {
  const { port } = server.address() as net.AddressInfo;
  const udp = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  udp.on('message', (data, from) => udp.send(data, from.port, from.address));
  udp.bind(port, host, () => process.stdout.write(`${JSON.stringify({ port })}\n`));
});
