import type { Failures } from './FailureCount.js';
import type { LaunchOptions } from './LaunchOptions.js';
import { launchSettings, type LaunchSettings } from './launchSettings.js';
import type { Nodes } from './Nodes.js';
import { OrphanGuard } from './OrphanGuard.js';
import { runGroup } from './runGroup.js';
import { severalNodes } from './severalNodes.js';
import { singleNode } from './singleNode.js';
import { StopRequest } from './StopRequest.js';
import { signalStatus } from './stopSignals.js';
import { ProgressNote } from './ProgressNote.js';
import type { Terminal } from './Terminal.js';

/**
 * Runs a command as this host's ranks, and again after a failure, until `maxRestarts` failures in a row were without
 * progress: the ranks go on from their last checkpoint by themselves. Takes this process's SIGINT, SIGTERM, SIGHUP and SIGUSR1 meanwhile.
 *
 * @returns the exit status: 0, that of the rank that failed first, or 128 and the number of the signal that ended it
 * @throws ArgumentError for options that make no sense, LaunchError for hosts that did not come, RendezvousError for a
 *   store that can't be served or reached
 */
export async function launch(options: LaunchOptions): Promise<number> {
  const { terminal } = options;
  const settings = launchSettings(options);
  const stop = new StopRequest();
  const release = stop.listen();
  for (const stream of [terminal.out, terminal.err]) {
    // A terminal that is gone. Of a reader that is (`| head`) the ranks hear by themselves, and a full disk ends nothing.
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'EIO') stop.request('SIGHUP');
    });
    // Each rank waits for it to drain.
    stream.setMaxListeners(0);
  }
  const guard = new OrphanGuard(settings.stopTimeoutMs);
  const note = settings.maxRestarts > 0 ? new ProgressNote() : undefined;
  const open = (settings.nodes === 1 ? singleNode : severalNodes)(settings);
  let nodes: Nodes | undefined;
  try {
    nodes = await unlessStopped(open, stop);
    return nodes === undefined
      ? signalStatus(stop.signal!)
      : await runAttempts(nodes, settings, { terminal, stop, guard, note });
  } finally {
    guard.close();
    await nodes?.close();
    note?.remove();
    release();
  }
}

async function runAttempts(
  nodes: Nodes,
  settings: LaunchSettings,
  context: { terminal: Terminal; stop: StopRequest; guard: OrphanGuard; note: ProgressNote | undefined },
): Promise<number> {
  const { terminal, stop, note } = context;
  for (let wanted = 0; ;) {
    const attempt = await unlessStopped(nodes.begin(wanted), stop);
    if (attempt === undefined) return signalStatus(stop.signal!);
    const { number, maxRestarts } = attempt;
    let last = true;
    let failures: Failures;
    try {
      const outcome = await runGroup(settings, attempt, context);
      if (outcome.kind === 'done') return 0;
      if (outcome.kind === 'stopped') return signalStatus(outcome.signal);
      // A signal that came while the group was being ended is a wish to end the run too.
      if (outcome.final || maxRestarts === 0 || stop.signal !== undefined) return outcome.exitCode;
      failures = await attempt.countFailure(note?.read());
      last = failures.inVain > maxRestarts;
      if (last) return outcome.exitCode;
    } finally {
      await attempt.leave({ last });
    }
    wanted = number + 1;
    terminal.err.write(`scmoe: starting all ranks again (${restartText(failures, maxRestarts)}).\n`);
  }
}

function restartText({ inVain, progress }: Failures, maxRestarts: number): string {
  if (inVain === 0) return `the run has come to step ${progress} since the last start: this restart does not count`;
  return `restart ${inVain} of ${maxRestarts}`;
}

/** What is waited for, or undefined where somebody wants the run to end before that is there. */
async function unlessStopped<Result>(promise: Promise<Result>, stop: StopRequest): Promise<Result | undefined> {
  return Promise.race([promise, stop.first.then(() => undefined)]);
}
