#!/usr/bin/env node
import { runCli } from './launch/runCli.js';

void runCli(process.argv.slice(2), { out: process.stdout, err: process.stderr }).then((code) => {
  process.exitCode = code;
  // What is written reaches its reader before connections that are still being tried are given up.
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
});
