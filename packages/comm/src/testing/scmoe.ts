import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromSource } from '@scmoe/testing';

export interface ScmoeOutcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

export interface Scmoe {
  process: ChildProcess;
  out: () => string;
  err: () => string;
  done: Promise<ScmoeOutcome>;
}

const launcherVariables = /^(RANK|WORLD_SIZE|LOCAL_|MASTER_|SCMOE_|PET_|NODE_OPTIONS|NO_COLOR|FORCE_COLOR)/;

/** Runs `scmoe` as a process of its own, from source. */
export function startScmoe(args: readonly string[], env: NodeJS.ProcessEnv = {}): Scmoe {
  const here = dirname(fileURLToPath(import.meta.url));
  const node = [...fromSource, join(here, '..', 'cli.ts')];
  const clean = Object.entries(process.env).filter(([name]) => !launcherVariables.test(name));
  const child = spawn(process.execPath, [...node, ...args], {
    env: { ...Object.fromEntries(clean), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const done = new Promise<ScmoeOutcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, out, err }));
  });
  return { process: child, out: () => out, err: () => err, done };
}

/** Arguments that run every case of collectiveCases on so many ranks, each a process. */
export function launchOf(ranks: number): string[] {
  const program = join(dirname(fileURLToPath(import.meta.url)), 'collectivesProgram.ts');
  return ['launch', '-n', String(ranks), process.execPath, ...fromSource, program, 'nccl'];
}

/** Writes programs for ranks into a folder of the test file's own. */
export function programs(): { folder: string; script: (name: string, text: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'scmoe-launch-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    folder,
    script: (name, text) => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },
  };
}

/** Waits until something holds; the test's own time-out is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

/** Whether a process is there and not a zombie that nobody has fetched yet. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}
