import { Writable } from 'node:stream';

import { plainText } from '@scmoe/errors';

/** Where a command writes. Tests give streams of their own. */
export interface Terminal {
  out: Writable & { isTTY?: boolean };
  err: Writable & { isTTY?: boolean };
  /** Hears that a stream can't be written, perhaps at every line; where nobody sets it, that ends the program. */
  onLost?: (stream: 'out' | 'err', error: NodeJS.ErrnoException) => void;
}

/** Writes lines to the standard output, without what names and files in them could tell the terminal to do. */
export function say(terminal: Terminal, ...lines: string[]): void {
  for (const line of lines) terminal.out.write(plainText(line) + '\n');
}

/** The same terminal for errors alone. */
export function silent({ err }: Terminal): Terminal {
  return { out: new Writable({ write: (_chunk, _encoding, done) => done() }), err };
}
