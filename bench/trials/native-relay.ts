// The same relay by OpenSSL and system calls through `node:ffi`: one stream, one thread, calls that block. There is no
// event loop, no window and no frame in it, so it shows the most that such a path could give, not what it would give.

import ffi from 'node:ffi';
import { CIPHER, type Direction, type Ends } from './trial.ts';

const BUFFER_BYTES = 256 * 1024;
/** The most that a TLS record carries. */
const RECORD_BYTES = 16 * 1024;
// From socket.h, in.h, tcp.h, ssl.h and bio.h.
const [AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY] = [2, 1, 6, 1];
const [SSL_CTRL_SET_READ_AHEAD, BIO_CTRL_FLUSH, BIO_C_SET_BUFF_SIZE, WRITE_BUFFER] = [41, 11, 117, 1];
const NOTHING = 0n;

// Node brings its own OpenSSL, and exports it.
const { functions: native } = ffi.dlopen(null, {
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  connect: { arguments: ['int32', 'pointer', 'uint32'], return: 'int32' },
  setsockopt: { arguments: ['int32', 'int32', 'int32', 'pointer', 'uint32'], return: 'int32' },
  read: { arguments: ['int32', 'pointer', 'uint64'], return: 'int64' },
  write: { arguments: ['int32', 'pointer', 'uint64'], return: 'int64' },
  TLS_client_method: { arguments: [], return: 'pointer' },
  SSL_CTX_new: { arguments: ['pointer'], return: 'pointer' },
  SSL_CTX_set_ciphersuites: { arguments: ['pointer', 'string'], return: 'int32' },
  SSL_CTX_set_default_read_buffer_len: { arguments: ['pointer', 'uint64'], return: 'void' },
  SSL_CTX_ctrl: { arguments: ['pointer', 'int32', 'int64', 'pointer'], return: 'int64' },
  SSL_new: { arguments: ['pointer'], return: 'pointer' },
  SSL_set_bio: { arguments: ['pointer', 'pointer', 'pointer'], return: 'void' },
  SSL_connect: { arguments: ['pointer'], return: 'int32' },
  SSL_read: { arguments: ['pointer', 'pointer', 'int32'], return: 'int32' },
  SSL_write: { arguments: ['pointer', 'pointer', 'int32'], return: 'int32' },
  SSL_has_pending: { arguments: ['pointer'], return: 'int32' },
  BIO_new_socket: { arguments: ['int32', 'int32'], return: 'pointer' },
  BIO_f_buffer: { arguments: [], return: 'pointer' },
  BIO_new: { arguments: ['pointer'], return: 'pointer' },
  BIO_push: { arguments: ['pointer', 'pointer'], return: 'pointer' },
  BIO_int_ctrl: { arguments: ['pointer', 'int32', 'int64', 'int32'], return: 'int64' },
  BIO_ctrl: { arguments: ['pointer', 'int32', 'int64', 'pointer'], return: 'int64' },
});

const must = (what: string, result: number | bigint): void => {
  if (result < 0) throw new Error(`${what} failed`);
};

const connect = (port: number): number => {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  const one = Buffer.from([1, 0, 0, 0]);
  const fd = native.socket(AF_INET, SOCK_STREAM, 0);
  must('connect', native.connect(fd, ffi.getRawPointer(address), address.length));
  must('setsockopt', native.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ffi.getRawPointer(one), one.length));
  return fd;
};

interface Secure {
  readonly ssl: bigint;
  /** What is written lies here until it is flushed, so that many records leave by one call. */
  readonly output: bigint;
}

const connectSecurely = (port: number): Secure => {
  const context = native.SSL_CTX_new(native.TLS_client_method());
  native.SSL_CTX_set_ciphersuites(context, CIPHER);
  native.SSL_CTX_set_default_read_buffer_len(context, BigInt(BUFFER_BYTES));
  native.SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1n, NOTHING);
  const ssl = native.SSL_new(context);
  const fd = connect(port);
  const output = native.BIO_push(native.BIO_new(native.BIO_f_buffer()), native.BIO_new_socket(fd, 0));
  native.BIO_int_ctrl(output, BIO_C_SET_BUFF_SIZE, BigInt(BUFFER_BYTES + RECORD_BYTES), WRITE_BUFFER);
  native.SSL_set_bio(ssl, native.BIO_new_socket(fd, 0), output);
  must('the handshake', native.SSL_connect(ssl) - 1);
  return { ssl, output };
};

/** Goes on until this process is killed. */
export const relayNatively = ({ securePort, plainPort }: Ends, direction: Direction): never => {
  const memory = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  // A pointer keeps nothing alive: the memory is freed below us once nobody asks `memory` for anything any more.
  const buffer = ffi.getRawPointer(memory);
  const { ssl, output } = connectSecurely(securePort);
  const plain = connect(plainPort);
  for (;;) {
    if (direction === 'down') {
      let have = 0;
      do {
        const got = native.SSL_read(ssl, buffer + BigInt(have), memory.length - have);
        must('SSL_read', got - 1);
        have += got;
      } while (have <= memory.length - RECORD_BYTES && native.SSL_has_pending(ssl) === 1);
      for (let at = 0; at < have;) {
        const wrote = Number(native.write(plain, buffer + BigInt(at), BigInt(have - at)));
        must('write', wrote);
        at += wrote;
      }
    } else {
      const got = Number(native.read(plain, buffer, BigInt(memory.length)));
      must('read', got - 1);
      must('SSL_write', native.SSL_write(ssl, buffer, got) - 1);
      native.BIO_ctrl(output, BIO_CTRL_FLUSH, 0n, NOTHING);
    }
  }
};
