// A server as a program that another start of the same program can replace: how the next one is started, how it knows whose
// place it takes, and who has to be told which process it is now.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { isSea } from 'node:sea';
import { promisify } from 'node:util';
import { DepotError, messageOf } from '../errors.ts';
import type { Lineage } from '../server/leaving.ts';
import { Predecessor } from '../server/predecessor.ts';

/** The process whose place the next one takes; other programs start children with a channel, too. */
const PREDECESSOR = 'DEPOT_PREDECESSOR';
/** systemd.exec(5): set to the process that systemd started. */
const SYSTEMD_PROCESS = 'SYSTEMD_EXEC_PID';

const isMainProcess = (): boolean => process.env[SYSTEMD_PROCESS] === String(process.pid);

/** Some who watch over a process end everything with it. */
const requireReplaceable = (): void => {
  if (process.pid === 1)
    throw new DepotError(
      'not-found',
      'This server is the first process of a container, which ends with it. Replace the container instead.',
    );
  if (isMainProcess() && process.env['NOTIFY_SOCKET'] === undefined)
    throw new DepotError(
      'not-found',
      'The unit of this server has no NotifyAccess=all, so systemd would end the new process with the old one. Write it anew with `depot service install server`, or restart it.',
    );
};

const startSuccessor = (): ChildProcess => {
  requireReplaceable();
  const args = process.argv.slice(isSea() ? 2 : 1);
  return spawn(process.execPath, [...process.execArgv, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [PREDECESSOR]: String(process.pid) },
  });
};

/** systemd watches over another process from now on. */
const becomeMainProcess = async (): Promise<void> => {
  const was = process.env[SYSTEMD_PROCESS];
  if (was === undefined || was !== String(process.ppid)) return;
  try {
    await promisify(execFile)('systemd-notify', [`--pid=${process.pid}`]);
  } catch (cause) {
    throw new DepotError('internal', `systemd could not be told of this process: ${messageOf(cause)}.`, { cause });
  }
  process.env[SYSTEMD_PROCESS] = String(process.pid);
};

/** Rejects where there should be a predecessor, and it says nothing. */
export const lineageOf = async (): Promise<Lineage> => {
  const isSuccessor = process.env[PREDECESSOR] === String(process.ppid) && process.connected;
  delete process.env[PREDECESSOR];
  const predecessor = isSuccessor ? await Predecessor.meet(process) : undefined;
  return { predecessor, onTakingOver: becomeMainProcess, startSuccessor };
};
