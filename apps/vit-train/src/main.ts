#!/usr/bin/env node
// Not imported above: what a process can't load because it may open too few files at once is to be said in a sentence.
const { start } = await import('./start.js').catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error;
  console.error(
    `vit-train: too many open files (${error.code}) while the program was loaded: allow more of them (ulimit -n 1024).`,
  );
  return process.exit(1);
});

await start();
