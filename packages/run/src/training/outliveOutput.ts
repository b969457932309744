import type { Terminal } from '../cli/Terminal.js';
import type { StopSignal } from './stopSignal.js';

/**
 * Lets a run go on when nobody can read it any more: a closed pipe, a full log disk. It says so once, on the stream that
 * is left. A terminal that is gone is another matter: that is SIGHUP, and comes as an error where the signal does not.
 */
export function outliveOutput(terminal: Terminal, name: string, stop: StopSignal): void {
  const lost = new Set<string>();
  terminal.onLost = (stream, { code }) => {
    const isTerminal = terminal[stream].isTTY === true;
    if (isTerminal && (code === 'EIO' || code === 'EPIPE')) return stop.request('SIGHUP');
    if (lost.has(stream)) return;
    lost.add(stream);
    const [what, rest] = stream === 'out' ? ['output', terminal.err] : ['error output', terminal.out];
    rest.write(`${name}: the standard ${what} can't be written (${code}); the run goes on.\n`);
  };
}
