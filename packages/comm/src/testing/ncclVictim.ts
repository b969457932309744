// A rank over NCCL that joins, says so, and waits for its end.
import { setTimeout as sleep } from 'node:timers/promises';

import { init } from '../init/init.js';

const world = await init({ engine: 'nccl', timeoutMs: 120_000, silenceMs: 60_000 });
process.stdout.write('joined\n');
await sleep(120_000);
await world.close();
