// Whether somebody runs with a home already: whoever does answers at its admin socket. Knows nothing of what is said there.

import { existsSync } from 'node:fs';
import net from 'node:net';
import { DepotError } from '../errors.ts';

/** Rejects with `conflict` where a process answers at this socket; what a dead one left is nobody. */
export const requireNobody = async (socketFile: string): Promise<void> => {
  if (existsSync(socketFile) && (await answers(socketFile)))
    throw new DepotError(
      'conflict',
      `Another depot runs with this home (${socketFile} answers). Stop it, or use another --home DIR.`,
    );
};

const answers = (file: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = net.connect(file);
    const finish = (answered: boolean): void => {
      probe.destroy();
      resolve(answered);
    };
    probe.once('connect', () => finish(true));
    probe.once('error', () => finish(false));
  });
