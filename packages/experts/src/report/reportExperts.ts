import { writeFile } from 'node:fs/promises';

import { below } from '@scmoe/layer';
import type { LanguageModel } from '@scmoe/models';
import { fileError, sequentialTokenBatches } from '@scmoe/trainer';
import type * as tf from '@tensorflow/tfjs';

import { measureExperts } from '../measure/measureExperts.js';
import { expertSimilarity } from './expertSimilarity.js';
import type { ExpertReport } from './ExpertReport.js';
import { openSubject } from './openSubject.js';
import { reportedLayer } from './reportedLayer.js';
import { reportPage } from './reportPage.js';

/** What is reported on, and where to. */
export interface ReportOptions {
  /** A checkpoint or run folder of ours, or a folder of Hugging Face transformers with its tokenizer. */
  model: string;
  /** A text file or folder; of a run its own data by default, the part that it has validated on. */
  text?: string;
  /** Batches, spread evenly over the text; 0: all. 20 by default. */
  batches?: number;
  /** The page to write: one file, with its pictures. */
  html?: string;
  /** The numbers to write. */
  json?: string;
}

/**
 * Measures what the experts of a language model do with a text: their load, weights, outputs, likeness, which tokens go
 * where and which experts are chosen together.
 *
 * @throws UserError where there is no such model or text, or a file can't be written
 */
export async function reportExperts({
  model: path,
  text,
  batches = 20,
  html,
  json,
}: ReportOptions): Promise<ExpertReport> {
  const subject = await openSubject(path, text);
  const { model, tokenizer, sequence, batchSize, sequenceLength } = subject;
  try {
    const shape = { batchSize, sequenceLength, maxBatches: batches };
    let tokens = 0;
    const counted = function* () {
      for (const { batch, weight } of sequentialTokenBatches(sequence, shape)) {
        tokens += weight;
        yield { batch };
      }
    };
    const statistics = await measureExperts(model, counted());
    const decode = (id: number) => tokenizer.decode([id]);
    const layers = [];
    for (const own of statistics) {
      const similarity = await similarityOf(model, own.layer);
      layers.push(reportedLayer(own, { similarity, decode }));
    }
    const report: ExpertReport = { model: subject.path, text: subject.text, tokens, layers };
    if (html !== undefined) await write(html, reportPage(report));
    if (json !== undefined) await write(json, `${JSON.stringify(report)}\n`);
    return report;
  } finally {
    model.dispose();
  }
}

/** (N, N) of a layer's experts. */
async function similarityOf(model: LanguageModel<object>, layer: string): Promise<number[][]> {
  const matrices = Object.entries(below(model.variables, `${layer}.experts`)).filter(([, { rank }]) => rank === 3);
  const isWriter = (name: string) => name === 'w2' || name === 'down';
  const of = (writers: boolean) =>
    matrices.filter(([name]) => isWriter(name) === writers).map(([, tensor]) => tensor as tf.Tensor3D);
  return expertSimilarity({ reads: of(false), writes: of(true) });
}

async function write(path: string, content: string): Promise<void> {
  await writeFile(path, content).catch((error: unknown) => {
    throw fileError(`write ${path}`, error);
  });
}
