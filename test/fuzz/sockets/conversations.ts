// What visitors to the ports of a depot say before it is spoilt. None of it lets anybody in.

import { addressField, credentials, greeting, request } from '../../support/socks-client.ts';
import { controlHello, Type } from '../../support/link-client.ts';

const join = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);
const http = (head: string, ...fields: readonly string[]): Buffer =>
  Buffer.from([head, 'Host: nas.depot', ...fields, '', ''].join('\r\n'));

const web = (head: string, ...fields: readonly string[]): Buffer =>
  Buffer.from([head, 'Host: localhost', ...fields, '', ''].join('\r\n'));

const WRONG = `Proxy-Authorization: Basic ${Buffer.from('owner:wrong').toString('base64')}`;

export const SOCKS: readonly Buffer[] = [
  join(greeting(0), request('127.0.0.1', 80)),
  join(greeting(2, 0), request('nas.depot', 80)),
  join(greeting(0), request('::1', 443, 2)),
  join(greeting(0, 1), request('nas.depot', 0, 3)),
  join(greeting(0), request('nas.depot', 0, 0xf0), Buffer.from('GET / HTTP/1.1\r\n\r\n')),
  join(Buffer.from([4, 1, 0, 80, 127, 0, 0, 1]), Buffer.from('owner\0')),
  join(Buffer.from([4, 1, 0, 80, 0, 0, 0, 1]), Buffer.from('owner\0nas.depot\0')),
  join(Buffer.from([0, 0, 0]), addressField('127.0.0.1', 53), Buffer.from('datagram')),
];

/** Each costs the server a hash, so they come rarely. */
export const PASSWORDS: readonly Buffer[] = [
  join(greeting(2), credentials({ user: 'owner', password: 'wrong' }), request('nas.depot', 80)),
  join(greeting(2), credentials({ user: '', password: '' }), request('nas.depot', 80)),
  http('CONNECT nas.depot:80 HTTP/1.1', WRONG),
  http('GET http://nas.depot/ HTTP/1.1', WRONG),
];

export const HTTP: readonly Buffer[] = [
  http('CONNECT nas.depot:80 HTTP/1.1'),
  http('GET http://nas.depot/a?b=c HTTP/1.1', 'Connection: keep-alive'),
  http('POST http://nas.depot/ HTTP/1.1', 'Content-Length: 5', 'Expect: 100-continue'),
  join(http('POST http://nas.depot/ HTTP/1.1', 'Transfer-Encoding: chunked'), Buffer.from('5\r\nhello\r\n0\r\n\r\n')),
  http('GET http://nas.depot/ HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket'),
  http('GET /proxy.pac HTTP/1.1'),
  http('GET /api/v1/status HTTP/1.1', 'Authorization: Bearer x'),
];

/** The beginning of TLS: records and a ClientHello that nobody finishes. */
export const TLS: readonly Buffer[] = [
  Buffer.from('16030100050100000103', 'hex'),
  Buffer.from(
    '16030100850100008103030000000000000000000000000000000000000000000000000000000000000000000004130113021303010000540000000e000c0000096c6f63616c686f7374000a00040002001d000d00060004040308040033002600240 01d00200000000000000000000000000000000000000000000000000000000000000000002b0003020304'.replaceAll(
      ' ',
      '',
    ),
    'hex',
  ),
  Buffer.from('150301000202280 0'.replaceAll(' ', ''), 'hex'),
];

const frame = (type: number, stream: number, payload: object | string): Buffer => {
  const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const header = Buffer.alloc(8);
  header.writeUInt32BE(bytes.length);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(stream, 4);
  return join(header, bytes);
};

const open = (command: string, host: string, port: number): object => ({
  command,
  destination: { host, port },
  from: '127.0.0.1',
});
const openFrame = (command: string, host: string, port: number): Buffer =>
  frame(Type.open, 1, open(command, host, port));

/** Inside TLS, with a key that nobody knows. */
export const STRANGERS: readonly Buffer[] = [
  frame(Type.hello, 0, controlHello()),
  frame(Type.hello, 0, controlHello('A'.repeat(43), [2, 1])),
  frame(Type.hello, 0, { purpose: 'tunnel', id: 'A'.repeat(43) }),
  frame(Type.hello, 0, { purpose: 'client', device: 'laptop', versions: [2], software: 'x', platform: 'x' }),
  join(frame(Type.ping, 0, '12345678'), frame(Type.hello, 0, controlHello()), frame(Type.data, 1, 'data')),
];

/** Of somebody who was let in and means harm, on a tunnel: what a local may say there, and what it may not. */
export const TUNNEL_FRAMES: readonly Buffer[] = [
  frame(0x11, 1, { bound: { host: '127.0.0.1', port: 1 } }),
  frame(0x12, 1, { code: 'connection-refused', message: 'no' }),
  join(frame(0x11, 1, { bound: { host: '::1', port: 1 } }), frame(Type.data, 1, 'data'), frame(0x14, 1, '')),
  frame(0x15, 1, { code: 'aborted', message: 'gone' }),
  frame(0x16, 1, '\0\0\u0010\0'),
  frame(0x17, 1, '\u0001\u007f\0\0\u0001\0\u0035datagram'),
  frame(0x18, 1, { bound: { host: '127.0.0.1', port: 1 } }),
  frame(Type.open, 1, { command: 'connect', destination: { host: 'localhost', port: 22 }, from: '127.0.0.1' }),
  frame(Type.goodbye, 0, { code: 'stopped', message: 'bye' }),
  frame(Type.ping, 0, '12345678'),
];

/** The same on its control connection. */
export const CONTROL_FRAMES: readonly Buffer[] = [
  frame(Type.control, 0, { type: 'tunnel-failed', tunnel: 'x', failure: { code: 'dial-failed', message: 'no' } }),
  frame(Type.control, 0, { type: 'tunnels', ids: ['x'] }),
  frame(Type.ping, 0, '12345678'),
  frame(Type.pong, 0, '12345678'),
  frame(Type.goodbye, 0, { code: 'stopped', message: 'bye' }),
  frame(Type.data, 0, 'data'),
];

/** Of a device that was let in, on its tunnel: what it asks for, at locals and apps that it may not have too. */
export const DEVICE_FRAMES: readonly Buffer[] = [
  openFrame('connect', 'nas.depot', 80),
  openFrame('connect', 'home.depot', 1),
  join(openFrame('connect', '127.0.0.1', 1), frame(Type.data, 1, 'early'), frame(0x14, 1, '')),
  openFrame('associate', '0.0.0.0', 0),
  join(openFrame('associate', '0.0.0.0', 0), frame(0x17, 1, '\u0001\u007f\0\0\u0001\0\u0035datagram')),
  openFrame('bind', '0.0.0.0', 0),
  openFrame('resolve', 'nas.depot', 0),
  openFrame('resolve-ptr', '127.0.0.1', 0),
  join(openFrame('connect', 'nas.depot', 80), frame(0x15, 1, { code: 'aborted', message: 'gone' })),
  frame(0x16, 1, '\0\0\u0010\0'),
  frame(Type.ping, 0, '12345678'),
];

/** Of a server that was taken over, on a tunnel of a local: apps that the local may not dial, in many spellings. */
export const commandsFor = (forbidden: number): readonly Buffer[] => [
  ...['127.0.0.1', 'localhost', '::1', '0.0.0.0', '::ffff:127.0.0.1', '127.1', '2130706433', 'LOCALHOST.'].map((host) =>
    join(openFrame('connect', host, forbidden), frame(Type.data, 1, 'data'), frame(0x14, 1, '')),
  ),
  openFrame('associate', '0.0.0.0', 0),
  join(openFrame('associate', '0.0.0.0', 0), frame(0x17, 1, '\u0001\u007f\0\0\u0001\0\u0035datagram')),
  openFrame('bind', '0.0.0.0', 0),
  openFrame('resolve', 'localhost', 0),
  openFrame('resolve-ptr', '127.0.0.1', 0),
  join(openFrame('connect', 'localhost', 1), frame(0x15, 1, { code: 'aborted', message: 'gone' })),
  frame(Type.goodbye, 0, { code: 'stopped', message: 'bye' }),
  frame(Type.ping, 0, '12345678'),
];

export const WELCOME = { version: 2, name: 'home', user: 'owner', software: 'a test' } as const;

/** Of the same server, on a control connection. */
export const ORDERS: readonly Buffer[] = [
  frame(Type.welcome, 0, WELCOME),
  frame(Type.control, 0, { type: 'tunnels', ids: ['x', 'y'] }),
  frame(Type.control, 0, { type: 'request', tunnel: 'x', open: open('connect', 'localhost', 1) }),
  frame(Type.control, 0, { type: 'tunnels', ids: [] }),
  frame(Type.ping, 0, '12345678'),
  frame(Type.pong, 0, '12345678'),
  frame(Type.goodbye, 0, { code: 'stopped', message: 'bye' }),
  frame(Type.goodbye, 0, { code: 'revoked', message: 'bye' }),
];

/** At the dashboard. */
export const WEB: readonly Buffer[] = [
  web('GET / HTTP/1.1'),
  web('GET /healthz HTTP/1.1', 'Connection: close'),
  web('GET /api/v1/status HTTP/1.1', 'Cookie: depot-8888=x'),
  web('GET /api/v1/events HTTP/1.1', 'Accept: text/event-stream'),
  web('DELETE /api/v1/session HTTP/1.1'),
  web('GET /metrics HTTP/1.1', 'Authorization: Bearer x'),
  web('GET /assets/../../etc/passwd HTTP/1.1', 'If-None-Match: "x"', 'Accept-Encoding: gzip'),
  join(web('POST /api/v1/invitations HTTP/1.1', 'Content-Length: 14'), Buffer.from('{"name":"nas"}')),
  join(web('PATCH /api/v1/users/owner HTTP/1.1', 'Transfer-Encoding: chunked'), Buffer.from('2\r\n{}\r\n0\r\n\r\n')),
  http('GET / HTTP/1.1', 'Origin: http://evil.example', 'Sec-Fetch-Site: cross-site'),
];

/** Each costs the server a hash. */
export const WEB_PASSWORDS: readonly Buffer[] = [
  join(
    web('POST /api/v1/session HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 20'),
    Buffer.from('{"password":"wrong"}'),
  ),
];

/** The admin socket: whoever can open it may do everything, so these only ask. */
export const ADMIN: readonly Buffer[] = [
  http('GET /api/v1/status HTTP/1.1', 'Connection: close'),
  http('GET /api/v1/users/owner HTTP/1.1'),
  http('DELETE /api/v1/sessions/999999 HTTP/1.1'),
  join(http('PATCH /api/v1/users/nobody HTTP/1.1', 'Content-Length: 13'), Buffer.from('{"from":["x"]}')),
  join(http('POST /api/v1/invitations HTTP/1.1', 'Content-Length: 11'), Buffer.from('{"name":""}')),
];
