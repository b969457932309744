const never = new Int32Array(new SharedArrayBuffer(4));

/** What a sleep may end too late by without the next ones being shorter for it: the system's timers and waking up, no more. */
const mostLateMs = 0.2;

/** Holds the thread, as a native kernel does, and leaves its core to others. */
export class Sleep {
  /** How late the last one ended: the next is shorter by it, so that many short ones are as long as they should be. */
  private lateMs = 0;

  /** Returns `ms` after `beganMs` of `performance.now()`. */
  until(beganMs: number, ms: number): void {
    const endMs = beganMs + ms - this.lateMs;
    const leftMs = endMs - performance.now();
    if (leftMs > 0) Atomics.wait(never, 0, 0, leftMs);
    this.lateMs = Math.max(-mostLateMs, Math.min(mostLateMs, performance.now() - endMs));
  }
}
