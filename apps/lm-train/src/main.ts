#!/usr/bin/env node
import { runCli } from './cli.js';

// A reader that has seen enough (`generate | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), { out: process.stdout, err: process.stderr });
