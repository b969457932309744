import { SingleBar } from 'cli-progress';

import { say, type Terminal } from '../cli/Terminal.js';
import { count } from './format.js';

/** Shows how far something is that takes long and may not know how much there is. */
export interface CountDisplay {
  /** Shows how many are done, of how many where that is known. */
  update(done: number, total?: number): void;
  /** Ends the display. */
  stop(): void;
}

/** Milliseconds between lines where there is no bar. */
const lineEveryMs = 5000;

/** A bar on a terminal where the total is known, a line now and then elsewhere; nothing before the first `update`. */
export function showCount(terminal: Terminal, what: string): CountDisplay {
  let bar: SingleBar | undefined;
  let lastLine = performance.now();
  return {
    update(done, total) {
      if (terminal.out.isTTY && total !== undefined) {
        if (!bar) {
          const format = `${what} {bar} {value}/{total}  {eta_formatted} left`;
          bar = new SingleBar({
            stream: terminal.out,
            format,
            barCompleteChar: '█',
            barIncompleteChar: '░',
            barsize: 24,
          });
          bar.start(total, 0);
        }
        bar.update(done);
      } else if (performance.now() - lastLine > lineEveryMs) {
        lastLine = performance.now();
        say(terminal, `${what}: ${count(done)}${total === undefined ? '' : ` of ${count(total)}`}`);
      }
    },
    stop: () => bar?.stop(),
  };
}
