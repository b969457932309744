import type { Writable } from 'node:stream';

/** Where a command writes. Tests give streams of their own. */
export interface Terminal {
  out: Writable & { isTTY?: boolean };
  err: Writable & { isTTY?: boolean };
}

export function say(terminal: Terminal, ...lines: string[]): void {
  for (const line of lines) terminal.out.write(line + '\n');
}
