/** What is open in this thread. `process.exit()` runs no cleanup hooks of addons on the main thread: this does. */
const open = new Set<(exitCode: number) => void>();
let listening = false;

/** Runs `close` when the process, or this worker, ends. @returns a function that forgets it */
export function closeAtExit(close: (exitCode: number) => void): () => void {
  open.add(close);
  if (!listening) {
    listening = true;
    process.on('exit', (exitCode) => {
      for (const each of [...open]) each(exitCode);
    });
  }
  return () => open.delete(close);
}
