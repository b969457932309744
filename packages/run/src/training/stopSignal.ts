/** Why a run stopped before its last step. */
export type StopReason = 'interrupted' | 'time';

/** A signal to stop, and why it was given. */
export interface StopSignal {
  signal: AbortSignal;
  reason: () => StopReason | undefined;
  dispose: () => void;
}

/**
 * A signal that fires at the first Ctrl-C (or SIGTERM), or after `minutes`. The handlers go away with the first Ctrl-C,
 * so the second one ends the process at once, in the midst of a step too.
 */
export function stopSignal({
  minutes,
  onInterrupt,
}: {
  minutes: number | undefined;
  onInterrupt: () => void;
}): StopSignal {
  const controller = new AbortController();
  let reason: StopReason | undefined;
  const stop = (because: StopReason) => {
    reason ??= because;
    controller.abort();
  };
  const interrupt = () => {
    dispose();
    onInterrupt();
    stop('interrupted');
  };
  const timer = minutes === undefined ? undefined : setTimeout(() => stop('time'), minutes * 60_000);
  const dispose = () => {
    clearTimeout(timer);
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  return { signal: controller.signal, reason: () => reason, dispose };
}
