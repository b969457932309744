// `npm run bench:serve [-- --clients N --seconds N --url URL --model NAME]`: many clients at once against a server of OpenAI's API:
// ours over a small model in a process of its own, or any that runs at --url.
import { parseArgs } from 'node:util';

import { machineLine } from './machine.js';
import { loadReport } from './suites/serve/loadReport.js';
import { runLoad } from './suites/serve/runLoad.js';
import { startSmallServer } from './suites/serve/startSmallServer.js';

const { values: options } = parseArgs({
  options: {
    clients: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '60' },
    url: { type: 'string' },
    model: { type: 'string', default: 'small' },
    key: { type: 'string', default: 'none' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  console.log(
    'npm run bench:serve [-- --clients N] [--seconds N] [--url http://host:port/v1 --model NAME [--key KEY]]\n' +
      'Without --url: our server over a small model.',
  );
  process.exit(0);
}
const [clients, seconds] = [Number(options.clients), Number(options.seconds)];
if (!(clients >= 1 && seconds > 0)) {
  console.error(`--clients and --seconds: expected numbers above 0, got ${options.clients} and ${options.seconds}.`);
  process.exit(2);
}

console.log(machineLine());
const server = options.url === undefined ? await startSmallServer() : undefined;
try {
  const url = server?.url ?? options.url!;
  const result = await runLoad({ url, model: options.model, apiKey: options.key, clients, seconds });
  console.log(`\n${clients} clients for ${seconds} s against ${server ? 'our server, a small model' : url}\n`);
  console.log(loadReport(result));
} finally {
  await server?.stop();
}
