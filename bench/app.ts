// The app behind every contestant: a source, a sink and an echo, as the first line of the connection asks.
//   D <bytes>   sends so many bytes and closes        U <bytes>   takes so many bytes and answers one
//   E           sends back whatever comes

import net from 'node:net';

const BLOCK = Buffer.alloc(256 * 1024, 'depot');

const send = (socket: net.Socket, left: number): void => {
  if (left === 0) {
    socket.end();
    return;
  }
  const size = Math.min(left, BLOCK.length);
  socket.write(size === BLOCK.length ? BLOCK : BLOCK.subarray(0, size), (error) => {
    if (!error) send(socket, left - size);
  });
};

const take = (socket: net.Socket, bytes: number, first: number): void => {
  let left = bytes - first;
  const done = (): void => {
    if (left <= 0) socket.end('.');
  };
  socket.on('data', (data) => {
    left -= data.length;
    done();
  });
  done();
};

const serve = (socket: net.Socket): void => {
  socket.on('error', () => socket.destroy());
  socket.once('data', (data: Buffer) => {
    const end = data.indexOf(10);
    const [kind, count] = data.subarray(0, end).toString().split(' ');
    const rest = data.subarray(end + 1);
    if (kind === 'D') send(socket, Number(count));
    else if (kind === 'U') take(socket, Number(count), rest.length);
    else {
      if (rest.length > 0) socket.write(rest);
      socket.pipe(socket);
    }
  });
};

const server = net.createServer({ noDelay: true, allowHalfOpen: true }, serve);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as net.AddressInfo).port })}\n`);
});
