// What the kernel says of a tree of processes: processor time and memory.

import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Linux reports processor time in hundredths of a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

interface Entry {
  readonly parent: number;
  readonly seconds: number;
}

const readAll = (): Map<number, Entry> => {
  const all = new Map<number, Entry>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // proc_pid_stat(5): state ppid …, then utime stime cutime cstime as fields 14 to 17.
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      all.set(Number(name), { parent: Number(fields[1]), seconds: ticks / TICKS_PER_SECOND });
    } catch {
      // The process ended while we looked; its time is in its parent's.
    }
  }
  return all;
};

const treeOf = (all: ReadonlyMap<number, Entry>, root: number): number[] => [
  root,
  ...all
    .entries()
    .filter(([, { parent }]) => parent === root)
    .flatMap(([pid]) => treeOf(all, pid)),
];

/** User and system time of these processes and all below them, in seconds. */
export const cpuSeconds = (roots: readonly number[]): number => {
  const all = readAll();
  return roots.flatMap((root) => treeOf(all, root)).reduce((sum, pid) => sum + (all.get(pid)?.seconds ?? 0), 0);
};

/** Resident memory of a process and all below it, in KiB, shared pages counted once per process. */
export const residentKib = (root: number): number =>
  treeOf(readAll(), root).reduce((sum, pid) => {
    const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return sum + Number(kib ?? 0);
  }, 0);

/** Ends a process and all below it, at once. */
export const killTree = (child: ChildProcess): void => {
  if (child.pid === undefined || child.exitCode !== null) return;
  for (const pid of treeOf(readAll(), child.pid).toReversed()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
};
