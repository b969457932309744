/**
 * Calls that are made again without JavaScript: between `beginCapture` and `endCapture` each call of this thread is kept with
 * its arguments. Arrays are not copied but held; nobody may detach their buffers.
 */
export const capture = {
  beginCapture: {},
  /** The number of the capture, or 0 where there was no call. */
  endCapture: { '=>': 'number' },
  /** Makes the calls again, in their order. Fails where one gives another number than it gave first. */
  replay: { capture: 'integer 1..9007199254740991' },
  forgetCapture: { capture: 'integer 1..9007199254740991' },
} as const;
