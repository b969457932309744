/**
 * Calls that are made again without JavaScript: between `beginCapture` and `endCapture` each call of this thread is kept with
 * its arguments. Arrays are not copied but held; nobody may detach their buffers.
 */
export const capture = {
  /** `isDry`: calls are kept without being made; one that answers JavaScript gives nothing then. */
  beginCapture: { isDry: 'boolean' },
  /** The number of the capture, or 0 where there was no call. */
  endCapture: { '=>': 'number' },
  /**
   * Hands a capture over to whoever calls it by `key` with arrays of other memory, on any thread; the capture is gone then. A key that
   * was given before keeps its calls.
   *
   * @param arrays all that the calls work on: none of them lies in another
   */
  linkCapture: {
    capture: 'integer 1..9007199254740991',
    key: 'integer 1..9007199254740991',
    arrays: 'uint8[][numArrays]',
    numArrays: 'size',
  },
  /** Makes the calls again, in their order. Fails where one gives another number than it gave first. */
  replay: { capture: 'integer 1..9007199254740991' },
  forgetCapture: { capture: 'integer 1..9007199254740991' },
} as const;
