/** Something that the caller gave is wrong; the message says what, what was expected and what came. */
export class SchedulerError extends Error {
  override readonly name = 'SchedulerError';
}
