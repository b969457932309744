import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { formatDuration } from '../rendezvous/formatDuration.js';
import { endGroups, killAfter } from './endGroups.js';
import { firstFailure } from './firstFailure.js';
import { LaunchError } from './LaunchError.js';
import type { LaunchSettings } from './launchSettings.js';
import type { Attempt } from './Nodes.js';
import type { OrphanGuard } from './OrphanGuard.js';
import { ProcessGroup, exitStatus, exitText, toldBy } from './ProcessGroup.js';
import type { ProgressNote } from './ProgressNote.js';
import { rankEnvironment } from './rankEnvironment.js';
import { RankOutput } from './RankOutput.js';
import type { StopRequest } from './StopRequest.js';
import type { Terminal } from './Terminal.js';

/** How an attempt ended on this host. */
export type Outcome =
  | { kind: 'done' }
  /** `final`: another attempt makes no sense. */
  | { kind: 'failed'; exitCode: number; final: boolean }
  | { kind: 'stopped'; signal: NodeJS.Signals };

interface Rank {
  rank: number;
  group: ProcessGroup;
  output: RankOutput;
}

/** What grandchildren may hold open longer than we care to read. */
const drainMs = 1000;
const drainTicks = 10;

/** Runs this host's ranks of one attempt to their end, or to the first failure of any rank of the run. */
export async function runGroup(
  settings: LaunchSettings,
  attempt: Attempt,
  {
    terminal,
    stop,
    guard,
    note,
  }: { terminal: Terminal; stop: StopRequest; guard: OrphanGuard; note: ProgressNote | undefined },
): Promise<Outcome> {
  const started = performance.now();
  const say = (text: string) => terminal.err.write(`scmoe: ${text}\n`);
  const ranks = startRanks(settings, attempt, { terminal, guard, note });
  const groups = ranks.map(({ group }) => group);
  try {
    const event = await Promise.race([
      firstFailure(ranks, () => attempt.firstCause()),
      attempt.news,
      stop.first.then((signal) => ({ kind: 'signal' as const, signal })),
      allWell(groups, attempt),
    ]);
    switch (event.kind) {
      case 'done':
        return { kind: 'done' };
      case 'exit': {
        const { rank, exit } = event;
        const told = toldBy(exit);
        if (told !== undefined) {
          // It was told to end and not we: the others have stopped with it, and may be saving still.
          const text = `rank ${rank.rank} was told to end (${told})`;
          attempt.tell({ kind: 'stop', signal: told, text });
          say(`${text}: so does the run.`);
          return await stopGroup(ranks, told, { settings, stop, say });
        }
        const text = `rank ${rank.rank} failed first: ${exitText(exit)}`;
        attempt.tell({ kind: 'failed', exitCode: exitStatus(exit), text, final: exit.error !== undefined });
        // The other ranks end while the failed one's last words are read.
        const ended = endGroups(groups, settings.graceMs, stop.second);
        await readToTheEnd([rank]);
        await ended;
        await drain(ranks);
        say(
          `${text} (pid ${rank.group.pid ?? 'none'} on ${hostname()}, after ${formatDuration(performance.now() - started)}).`,
        );
        sayTail(rank, say, terminal);
        return { kind: 'failed', exitCode: exitStatus(exit), final: exit.error !== undefined };
      }
      case 'failed':
        await endGroups(groups, settings.graceMs, stop.second);
        await drain(ranks);
        say(event.text);
        return { kind: 'failed', exitCode: event.exitCode, final: event.final ?? false };
    }
    const { signal } = event;
    if (event.kind === 'stop') {
      say(event.text);
      stop.request(signal);
    } else {
      attempt.tell({ kind: 'stop', signal, text: `the launcher got ${signal}` });
    }
    return await stopGroup(ranks, signal, { settings, stop, say });
  } finally {
    // What a rank started and left behind would outlive the run.
    await endGroups(groups, settings.graceMs, stop.second);
    await drain(ranks);
    for (const { pid } of groups) if (pid !== undefined) guard.remove(pid);
  }
}

/** Hands a signal on and waits while ranks save. One that fails meanwhile has perhaps saved nothing: its status counts. */
async function stopGroup(
  ranks: Rank[],
  signal: NodeJS.Signals,
  { settings, stop, say }: { settings: LaunchSettings; stop: StopRequest; say: (text: string) => void },
): Promise<Outcome> {
  const groups = ranks.map(({ group }) => group);
  for (const group of groups) group.signal(signal);
  await killAfter(groups, settings.stopTimeoutMs, stop.second);
  const failed = ranks.find(({ group: { exit } }) => exit && exit.code !== 0 && exit.code !== null && !toldBy(exit));
  if (failed === undefined) return { kind: 'stopped', signal };
  const exit = failed.group.exit!;
  say(`rank ${failed.rank} failed when it was told to end (${signal}): ${exitText(exit)}.`);
  return { kind: 'failed', exitCode: exitStatus(exit), final: true };
}

function startRanks(
  settings: LaunchSettings,
  attempt: Attempt,
  { terminal, guard, note }: { terminal: Terminal; guard: OrphanGuard; note: ProgressNote | undefined },
): Rank[] {
  const { logFolder: parent } = settings;
  const logFolder = parent === undefined ? undefined : join(parent, `restart-${attempt.number}`);
  if (logFolder !== undefined) makeFolder(logFolder);
  return Array.from({ length: settings.ranksHere }, (_, localRank) => {
    const rank = attempt.firstRank + localRank;
    const group = new ProcessGroup(
      runnable(settings.command),
      rankEnvironment(process.env, { ...settings, localRank }, attempt, note?.path),
      { attached: rank === settings.attachedRank },
    );
    if (group.pid !== undefined) guard.add(group.pid);
    const output = new RankOutput(rank, terminal, logFolder);
    if (group.out && group.err) output.attach(group.out, group.err);
    return { rank, group, output };
  });
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new LaunchError(`Can't make the folder for the ranks' output: ${(error as Error).message}`, { cause: error });
  }
}

/** A script runs under the node that runs the launcher, with its flags, as with child_process.fork. */
function runnable(command: LaunchSettings['command']): [string, ...string[]] {
  const isScript = /\.[cm]?js$/.test(command[0]);
  return isScript ? [process.execPath, ...process.execArgv, ...command] : [...command];
}

/** Never settles where a rank fails: that is for firstFailure to say. */
async function allWell(groups: ProcessGroup[], attempt: Attempt): Promise<{ kind: 'done' }> {
  const exits = await Promise.all(groups.map(({ exited }) => exited));
  if (exits.some((exit) => exitStatus(exit) !== 0)) await new Promise(() => undefined);
  await attempt.finish();
  return { kind: 'done' };
}

async function drain(ranks: Rank[]): Promise<void> {
  await readToTheEnd(ranks);
  for (const { group } of ranks) group.release();
}

/** Reads what the ranks have printed. Time alone may pass before anything is read on a busy machine: each tick is a turn of the event loop. */
async function readToTheEnd(ranks: Rank[]): Promise<void> {
  let ended = false;
  const all = Promise.all(ranks.map(({ output }) => output.ended())).then(() => (ended = true));
  for (let tick = 0; tick < drainTicks && !ended; tick++) await Promise.race([all, sleep(drainMs / drainTicks)]);
}

function sayTail({ rank, group, output }: Rank, say: (text: string) => void, terminal: Terminal): void {
  if (group.out === null) return;
  const { tail } = output;
  if (tail.length === 0) return void say(`rank ${rank} printed nothing.`);
  say(`the last ${tail.length === 1 ? 'line' : `${tail.length} lines`} of rank ${rank}:`);
  terminal.err.write(tail.map((line) => `  ${line}\n`).join(''));
}
