import { hasTerminal, secondInterruptMs, type StopSignalName, stopSignals } from '@scmoe/comm/launch';

/** A longer timer of Node's fires at once. */
const longestTimerMs = 2 ** 31 - 1;

/** Why a run stopped before its last step: a signal, or its time is up. */
export type StopReason = StopSignalName | 'time';

/** A wish that the run stop after its step, and why. */
export interface StopSignal {
  readonly signal: AbortSignal;
  reason(): StopReason | undefined;
  /** Acts as if a signal had come. */
  request(name: StopSignalName): void;
  /**
   * Hears signals from now on; until then they end the process, for there is nothing to save.
   *
   * @param minutes after which the run stops by itself
   * @param onSignal is told the first signal, and whether Ctrl-C ends the run at once from now on
   */
  listen(options: {
    minutes: number | undefined;
    onSignal: (signal: StopSignalName, atTerminal: boolean) => void;
  }): void;
  /** Gives the signals back, if none came: after one the process is about to end, and later ones change nothing till then. */
  dispose(): void;
}

/**
 * A stop signal that fires once. Whoever ends a run may say so several times, at intervals and in several ways: later
 * signals change nothing, so that what is being saved is saved. Only a second Ctrl-C at a terminal ends the process at
 * once, in the midst of a step too.
 */
export function stopSignal(): StopSignal {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  let heard = false;
  let reason: StopReason | undefined;
  const stop = (because: StopReason) => {
    reason ??= because;
    controller.abort();
  };
  return {
    signal: controller.signal,
    reason: () => reason,
    request: stop,
    listen: ({ minutes, onSignal }) => {
      const atTerminal = hasTerminal();
      for (const name of stopSignals) {
        const hear = () => {
          stop(name);
          if (!heard) onSignal(name, atTerminal);
          heard = true;
          if (name !== 'SIGINT' || !atTerminal) return;
          // Without a handler the kernel ends the process, also where JavaScript would not get to it for a while.
          const timer = setTimeout(() => process.off(name, hear), secondInterruptMs).unref();
          undo.push(() => clearTimeout(timer));
        };
        process.on(name, hear);
        undo.push(() => void (heard || process.off(name, hear)));
      }
      if (minutes === undefined) return;
      const due = performance.now() + minutes * 60_000;
      let timer: NodeJS.Timeout;
      const wait = (): void => {
        const leftMs = due - performance.now();
        if (leftMs <= 0) stop('time');
        else timer = setTimeout(wait, Math.min(leftMs, longestTimerMs));
      };
      wait();
      undo.push(() => clearTimeout(timer));
    },
    dispose: () => undo.splice(0).forEach((action) => action()),
  };
}
