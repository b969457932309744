/** Frames that are nobody's program: Node itself, TF.js (under its own names with source maps), and the packages below a program. */
const between = [
  /node:|<anonymous>\)?$|[\\/]tslib[\\/]/,
  /@tensorflow[\\/]|[\\/]tfjs-(core|layers|data|converter|backend-\w+)[\\/](src|dist)[\\/]/,
  /(@scmoe|packages)[\\/]tensor(flow)?[\\/](src|dist)[\\/](?!.*\.test\.)/,
];

/** Calls that are looked at to find a line: TF.js puts up to twenty of its own between a program and a kernel. */
const depth = 60;

/**
 * The line of the program that made something, found when somebody asks: a recording notes thousands and shows one.
 */
export class CodeLine {
  private readonly error: Error;

  constructor() {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = depth;
    this.error = new Error('line');
    Error.stackTraceLimit = limit;
  }

  get text(): string {
    const frames = (this.error.stack ?? '').split('\n').slice(1);
    const own = frames.find((frame) => !between.some((pattern) => pattern.test(frame)));
    return own === undefined ? 'an unknown line' : own.trim().replace(/^at /, '');
  }

  toJSON(): string {
    return this.text;
  }
}
