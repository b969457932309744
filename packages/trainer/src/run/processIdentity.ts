import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, so that another one with the same number is not taken for it. */
export interface ProcessIdentity {
  pid: number;
  /** Where numbers of processes mean the same: one boot of one machine, one container. */
  machine: string;
  /** When the process began, in ticks since boot; undefined where the system does not say. */
  startTicks: string | undefined;
}

/** The identity of this process. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, machine: thisMachine(), startTicks: startTicks(process.pid) };
}

/** Whether a process runs; undefined for one of another machine or container. */
export function isRunning({ pid, machine, startTicks: expected }: ProcessIdentity): boolean | undefined {
  if (machine !== thisMachine()) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const found = startTicks(pid);
  return found === undefined || expected === undefined || found === expected;
}

function thisMachine(): string {
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  const numbers = attempt(() => readlinkSync('/proc/self/ns/pid'));
  return [hostname(), boot, numbers].join(' ');
}

function startTicks(pid: number): string | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (stat === undefined) return undefined;
  // After the name, which may hold spaces and brackets; a zombie has ended.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? 'ended' : fields[19];
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
