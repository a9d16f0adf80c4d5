// The first frame of a connection says who is there; nothing else may come before it.

import { asDepotError, DepotError } from '../errors.ts';
import { frameName, type FrameSink, type FrameType } from '../link/frames.ts';
import { parseMessage } from '../link/messages.ts';
import type { z } from 'zod';
import type { FrameConnection } from './frame-connection.ts';

/**
 * A sink for a connection whose first frame has to be of `type`. `receive` is called while that frame is read and
 * hands the connection over to the next sink before it returns, for more frames may follow in the same piece.
 * What it throws is told to the other side, and ends the connection.
 */
export const expectFirst = <T>(
  connection: () => FrameConnection,
  type: FrameType,
  schema: z.ZodType<T>,
  receive: (message: T) => void,
): FrameSink => {
  const violation = (what: string): DepotError =>
    new DepotError('protocol-violation', `${what} came before ${frameName(type)}`);
  return {
    data: () => connection().close(violation('data')),
    frame: (actual, _stream, payload) => {
      try {
        if (actual !== type) throw violation(frameName(actual));
        receive(parseMessage(schema, payload));
      } catch (error) {
        connection().close(asDepotError(error, 'internal'));
      }
    },
  };
};
