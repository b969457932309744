#!/usr/bin/env node
// Runs a command once per rank, each rank on a host of its own with links of a set rate: see README.md.
import { NetworkLab } from './NetworkLab.mjs';
import { networkLabProblem } from './networkLabProblem.mjs';
import { readOptions, usage } from './readOptions.mjs';
import { runRanks } from './runRanks.mjs';

/** What test runners of other projects take as "could not run here". */
const exitUnavailable = 77;
const exitUsage = 2;

const say = (text) => process.stderr.write(`netlab: ${text}\n`);

async function main() {
  const { lab: options, command, help, problem } = readOptions(process.argv.slice(2));
  if (help) {
    console.log(usage);
    return 0;
  }
  if (problem) {
    say(problem);
    say(usage);
    return exitUsage;
  }
  const unavailable = networkLabProblem();
  if (unavailable) {
    say(unavailable);
    return exitUnavailable;
  }
  const stop = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => resolve(signal));
  });
  const lab = await NetworkLab.open(options);
  if (options.pin && !lab.pinned) say(`not pinned: there are fewer cores than the ${lab.ranks} ranks.`);
  try {
    return await runRanks(lab, command, { say, stop });
  } finally {
    await lab.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  say(error.message);
  process.exitCode = 1;
}
