// A server over a model that nobody has trained: what it writes is noise, what it costs is not.
import { Gpt } from '@scmoe/models';
import { startBackend, startServer } from '@scmoe/serve';
import { createTokenizer } from '@scmoe/trainer';

console.error(await startBackend({ backend: 'auto', precision: 'float32' }));
const tokenizer = await createTokenizer('byte', []);
const model = new Gpt(
  {
    vocabSize: tokenizer.vocabSize,
    numLayers: 4,
    dModel: 256,
    numHeads: 4,
    sequenceLength: 512,
    positionEncoding: 'rotary',
    moe: { kind: 'scmoe', numExperts: 8 },
  },
  { seed: 1 },
);
const served = { name: 'small', model, tokenizer, endTokens: [], addSpecialTokens: false };
const server = await startServer(served, { port: 0, maxSequences: 32 });
console.log(server.url);
process.once('SIGTERM', () => {
  void server.close({ graceMs: 0 }).then(() => process.exit());
});
