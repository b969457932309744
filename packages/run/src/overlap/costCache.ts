import { readFile, rename, writeFile } from 'node:fs/promises';
import { cpus, homedir } from 'node:os';
import { dirname, join } from 'node:path';

import { CostModel } from '@scmoe/scheduler';
import { makeFolder } from '@scmoe/trainer';

const path = () => join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'scmoe', 'costs.json');

/** Times that earlier runs on this machine have measured; none where there are none that can be read. */
export async function openCosts(): Promise<CostModel> {
  const options = { warmupSteps: 0 };
  try {
    return CostModel.fromJSON(JSON.parse(await readFile(path(), 'utf8')), options);
  } catch {
    return new CostModel(options);
  }
}

/** Keeps the times for later runs. They only save these a measurement: where there is no place for them, nothing is lost. */
export async function saveCosts(costs: CostModel): Promise<void> {
  const file = path();
  try {
    await makeFolder(dirname(file));
    const aside = `${file}.${process.pid}`;
    await writeFile(aside, JSON.stringify(costs));
    await rename(aside, file);
  } catch {
    return;
  }
}

/** What times depend on besides the work. */
export function describeMachine(parts: readonly string[]): string {
  return [cpus()[0]?.model ?? 'unknown processor', `${cpus().length} cores`, ...parts].join(', ');
}
