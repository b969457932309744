import { Gpt, type GptConfig } from '@scmoe/models';
import { startBackend, startServer, type RunningServer, type ServedModel } from '@scmoe/serve';
import { byteTokenizer } from '@scmoe/trainer';

await startBackend({ backend: 'auto', precision: 'float32' });
const moe: GptConfig['moe'] = { kind: 'scmoe', numExperts: 4 };
const model = new Gpt({ vocabSize: 257, numLayers: 2, dModel: 32, numHeads: 2, sequenceLength: 64, moe }, { seed: 1 });
const served: ServedModel = { name: 'tiny', model, tokenizer: byteTokenizer(), endTokens: [], addSpecialTokens: false };
const server: RunningServer = await startServer(served, { port: 0 });
const url: string = server.url;
console.log(url);
await server.close({ graceMs: 0 });
