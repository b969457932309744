#!/usr/bin/env node
// Not imported above: what a process can't load because it may open too few files at once is to be said in a sentence.
const load = async () => ({ ...(await import('@scmoe/run')), ...(await import('./commandLine.js')) });
const { runProcess, commandLine } = await load().catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error;
  console.error(
    `vit-train: too many open files (${error.code}) while the program was loaded: allow more of them (ulimit -n 1024).`,
  );
  return process.exit(1);
});

await runProcess(commandLine);
