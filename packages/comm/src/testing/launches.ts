import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

import { fromSource } from '@scmoe/testing';

import type { LaunchOptions } from '../launch/LaunchOptions.js';

const here = dirname(fileURLToPath(import.meta.url));

export interface LaunchOutcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

export interface LaunchProcess {
  process: ChildProcess;
  out: () => string;
  err: () => string;
  done: Promise<LaunchOutcome>;
}

const launcherVariables = /^(RANK|WORLD_SIZE|LOCAL_|MASTER_|SCMOE_|PET_|NODE_OPTIONS|NO_COLOR|FORCE_COLOR)/;

/** Runs `launch` in a process of its own, from source. */
export function startLaunch(
  command: LaunchOptions['command'],
  options: Partial<LaunchOptions> = {},
  env: NodeJS.ProcessEnv = {},
): LaunchProcess {
  return start([process.execPath, ...launcher(command, options)], env);
}

/** Why no process can be given a terminal here, or undefined. Only the `script` of util-linux hands on what it runs. */
export const ptyProblem = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '')
  ? undefined
  : 'script (util-linux) is not there';

/** Starts as startLaunch does, at a terminal of its own, in which keys can be pressed; all it prints is in `out`. */
export function launchAtTerminal(
  command: LaunchOptions['command'],
  options: Partial<LaunchOptions> = {},
): LaunchProcess & { press: (keys: string) => void } {
  const quoted = [process.execPath, ...launcher(command, options)].map((part) => `'${part.replaceAll("'", `'\\''`)}'`);
  const started = start(['script', '-qec', quoted.join(' '), '/dev/null'], { NO_COLOR: '1' });
  return { ...started, press: (keys) => started.process.stdin!.write(keys) };
}

function launcher(command: LaunchOptions['command'], options: Partial<LaunchOptions>): string[] {
  return [...fromSource, join(here, 'launchProgram.ts'), JSON.stringify({ command, ...options })];
}

function start([file, ...args]: readonly string[], env: NodeJS.ProcessEnv): LaunchProcess {
  const clean = Object.entries(process.env).filter(([name]) => !launcherVariables.test(name));
  const child = spawn(file!, args, { env: { ...Object.fromEntries(clean), ...env }, stdio: 'pipe' });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const done = new Promise<LaunchOutcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, out, err }));
  });
  return { process: child, out: () => out, err: () => err, done };
}

/** Runs every case of collectiveCases on so many ranks, each a process. */
export function launchCases(ranks: number, env: NodeJS.ProcessEnv): LaunchProcess {
  const program = join(here, 'collectivesProgram.ts');
  return startLaunch([process.execPath, ...fromSource, program, 'nccl'], { ranksHere: ranks }, env);
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

/** Below the limit of a test, which would not say what is missing, and would leave the waiting behind. */
const untilMs = 240_000;

/**
 * Waits until a condition holds.
 *
 * @throws Error where it never does
 */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + untilMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Waited ${untilMs} ms in vain for ${String(condition)}.`);
    await sleep(20);
  }
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
