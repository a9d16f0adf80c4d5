// Starts a program that says nothing when it is ready, and waits until it listens.

import { Program } from './programs.ts';
import { Wire } from './socks-client.ts';

/** Rejects, with what it said, where it ends before. */
export const startListening = async (port: number, command: string, args: readonly string[]): Promise<Program> => {
  const program = new Program(command, args);
  const ended = program.finished.then(({ stderr }) => {
    throw new Error(`${command} ended: ${stderr}`);
  });
  for (;;) {
    const wire = await Promise.race([Wire.connect(port).catch(() => undefined), ended]);
    if (wire === undefined) continue;
    wire[Symbol.dispose]();
    ended.catch(() => undefined);
    return program;
  }
};
