import { basename, relative } from 'node:path';

/** How the program `name` was started, so that commands it proposes can be pasted: `node apps/lm-train/dist/main.js`. */
export function commandName(name: string, script = process.argv[1]): string {
  if (script === undefined || basename(script) === name) return name;
  const fromHere = relative(process.cwd(), script);
  // From a folder far away the way there is longer than the path.
  return `node ${fromHere.length < script.length ? fromHere : script}`;
}

/** The same on as many ranks as there are, where `scmoe launch` has started them all on this host. */
export function commandNameOnRanks(name: string, script = process.argv[1], env = process.env): string {
  const { SCMOE_RENDEZVOUS, WORLD_SIZE = '1', LOCAL_WORLD_SIZE } = env;
  const command = commandName(name, script);
  if (SCMOE_RENDEZVOUS === undefined || WORLD_SIZE === '1' || WORLD_SIZE !== LOCAL_WORLD_SIZE) return command;
  return `npx scmoe launch -n ${WORLD_SIZE} --attach 0 ${command.replace(/^node /, '')}`;
}
