import { setTimeout as sleep } from 'node:timers/promises';

import type { ProcessGroup } from './ProcessGroup.js';

const pollMs = 30;
/** What is still there so long after SIGKILL hangs in the kernel, on a dead disk for example: we don't wait for it. */
const killedMs = 2000;

/** Ends groups with everything in them: SIGTERM, and SIGKILL for what is left after `graceMs` or when `now` fires. */
export async function endGroups(
  groups: readonly ProcessGroup[],
  graceMs: number,
  now: Promise<unknown>,
): Promise<void> {
  for (const group of groups) group.signal('SIGTERM');
  await killAfter(groups, graceMs, now);
}

/** Waits until groups have ended; kills what is left after `timeoutMs` or when `now` fires. */
export async function killAfter(
  groups: readonly ProcessGroup[],
  timeoutMs: number,
  now: Promise<unknown>,
): Promise<void> {
  let hurry = false;
  void now.then(() => (hurry = true));
  await untilGone(groups, timeoutMs, () => hurry);
  for (const group of groups) group.signal('SIGKILL');
  await untilGone(groups, killedMs, () => false);
}

async function untilGone(groups: readonly ProcessGroup[], timeoutMs: number, hurry: () => boolean): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (groups.some(({ alive }) => alive) && performance.now() < deadline && !hurry()) await sleep(pollMs);
}
