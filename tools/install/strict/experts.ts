import { chooseExperts, measureExperts, scoresOfText, startBackend, type KeptExperts } from '@scmoe/experts';
import { Gpt, type GptConfig } from '@scmoe/models';
import { byteTokenizer, sequentialTokenBatches } from '@scmoe/trainer';

await startBackend();
const moe: GptConfig['moe'] = { kind: 'scmoe', numExperts: 4, topK: 2 };
const model = new Gpt({ vocabSize: 257, numLayers: 4, dModel: 32, numHeads: 2, sequenceLength: 16, moe }, { seed: 1 });
const text = 'to be, or not to be, that is the question: whether tis nobler in the mind to suffer';
const tokens = { ids: Int32Array.from(byteTokenizer().encode(Buffer.from(text))), numBytes: text.length };
const statistics = await measureExperts(model, sequentialTokenBatches(tokens, { batchSize: 4, sequenceLength: 16 }));
const kept: KeptExperts = chooseExperts(scoresOfText('reap', statistics), { keep: 2 });
console.log(kept);
