// One rank of `npm run torture:plans`, in a process of its own.
import { init } from '@scmoe/comm';
import { useBackend } from '@scmoe/tensor';
import { sendResult } from '@scmoe/testing';

import { runRandomPlans } from './randomPlans.js';

await useBackend('auto', { threads: 1 });
const communicator = await init({ engine: 'gloo', timeoutMs: 600_000, silenceMs: 60_000 });
const [trials, seed] = ['SCMOE_PLANS', 'SCMOE_PLANS_SEED'].map((name) => Number(process.env[name])) as [number, number];
const report = runRandomPlans(communicator, { trials, seed });
await communicator.close();
await sendResult(report);
