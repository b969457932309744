import { spawn, type ChildProcess } from 'node:child_process';

// The last line that it reads is the list of groups that are left when the launcher is gone.
const script = `
while read -r line; do groups=$line; done
[ -n "$groups" ] || exit 0
for g in $groups; do kill -TERM -"$g"; done
seconds=0
while [ "$seconds" -lt "$1" ]; do
  left=
  for g in $groups; do kill -0 -"$g" && left="$left $g"; done
  groups=$left
  [ -n "$groups" ] || exit 0
  sleep 1
  seconds=$((seconds + 1))
done
for g in $groups; do kill -KILL -"$g"; done
`;

/**
 * A small process of its own that outlives the launcher: when the launcher is killed, it ends the ranks. Ranks that have
 * made a communicator notice by themselves; this is for all others (docs/decisions.md#guard-process).
 */
export class OrphanGuard {
  readonly #shell: ChildProcess;
  readonly #groups = new Set<number>();

  /** @param stopTimeoutMs time that the ranks then have to save and end */
  constructor(stopTimeoutMs: number) {
    const seconds = String(Math.ceil(stopTimeoutMs / 1000));
    this.#shell = spawn('/bin/sh', ['-c', script, 'scmoe-guard', seconds], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // Without a guard the launcher works all the same.
    this.#shell.on('error', () => undefined);
    this.#shell.stdin!.on('error', () => undefined);
    this.#shell.unref();
    // A pipe of a child is a socket.
    (this.#shell.stdin as unknown as { unref(): void }).unref();
  }

  add(group: number): void {
    this.#groups.add(group);
    this.#write();
  }

  remove(group: number): void {
    if (this.#groups.delete(group)) this.#write();
  }

  close(): void {
    this.#groups.clear();
    this.#write();
    this.#shell.stdin!.end();
  }

  #write(): void {
    this.#shell.stdin!.write(`${[...this.#groups].join(' ')}\n`);
  }
}
