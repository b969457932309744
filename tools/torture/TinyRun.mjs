// One run of a tiny model in a folder of its own, started as people start it, and what can be seen of it from outside.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = resolve(import.meta.dirname, '..', '..');
/** The statuses that a run ends with when it is told to. */
export const statusOf = { SIGHUP: 129, SIGINT: 130, SIGUSR1: 138, SIGTERM: 143 };
const rest = { steps: 1_000_000, 'eval-every': 0, 'save-every': 0, keep: 1, 'sample-tokens': 0, threads: 1 };
const tiny = { 'd-model': 8, 'num-layers': 2, 'num-heads': 1, 'sequence-length': 16, ...rest };

/** Makes the text that runs in `folder` learn. */
export function makeText(folder) {
  const text = join(folder, 'text.txt');
  writeFileSync(text, 'some words to learn. '.repeat(400));
  return text;
}

/** A run on `ranks` ranks, in `runs`, which goes on where there is one. With `built` it is the built programs; else what lies here, built or not. */
export class TinyRun {
  output = '';

  constructor({ ranks, runs, text, built, options = {} }) {
    this.runs = runs;
    const node = built ? [] : ['-C', '@scmoe/source', '--import', join(root, 'tools/testing/src/runSource.mjs')];
    const main = join(root, 'apps/lm-train', built ? 'dist/main.js' : 'src/main.ts');
    const [before] = this.folders();
    const resume = before && { resume: before };
    const given = { ...tiny, 'num-experts': Math.max(2, ranks), data: text, 'run-dir': runs, ...resume, ...options };
    this.began = this.steps();
    const flags = Object.entries(given).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const train = [process.execPath, ...node, main, 'train', ...flags, '--no-progress'];
    const launcher = [process.execPath, ...node, join(root, 'packages/cli/bin/scmoe.mjs'), 'launch'];
    const [file, ...args] =
      ranks === 1 ? train : [...launcher, '-n', `${ranks}`, '--max-restarts', '1', '--', ...train];
    this.process = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.pid = this.process.pid;
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on('data', (part) => (this.output += part));
    }
    // As a shell counts: a second signal may find the process when all is saved and Node has let go of its handlers.
    this.ended = new Promise((done) => this.process.once('close', (code, by) => done(code ?? statusOf[by] ?? by)));
  }

  get hasEnded() {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Waits for some steps; false where they don't come. */
  async trains() {
    for (const deadline = Date.now() + 240_000; this.steps() < this.began + 3; await sleep(20)) {
      if (this.hasEnded || Date.now() > deadline) return false;
    }
    return true;
  }

  /** How it ended: a status, or 'not at all' within a while. */
  async end() {
    const children = this.ranks();
    const end = await Promise.race([this.ended, sleep(120_000, 'not at all', { ref: false })]);
    if (end === 'not at all') [...children, this.pid].forEach((pid) => kill(pid, 'SIGKILL'));
    return end;
  }

  folders() {
    return list(this.runs).map((name) => join(this.runs, name));
  }

  /** Steps that are in the metrics. */
  steps() {
    try {
      return readFileSync(join(this.folders()[0], 'metrics.jsonl'), 'utf8').split('\n').length - 1;
    } catch {
      return 0;
    }
  }

  /** Names of the checkpoints. */
  checkpoints() {
    return this.folders().flatMap((run) => list(join(run, 'checkpoints')));
  }

  /** Processes of the ranks among the children of the launcher; its guard is none. */
  ranks() {
    const children = read(`/proc/${this.pid}/task/${this.pid}/children`).trim().split(' ').filter(Boolean);
    return children.filter((child) => read(`/proc/${child}/environ`).includes('\0RANK=')).map(Number);
  }
}

/** Sends a signal; false where the process has ended. */
export function kill(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function list(folder) {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
}

/** A file of a process; nothing where it has ended. */
function read(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
