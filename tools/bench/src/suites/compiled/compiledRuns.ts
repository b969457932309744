/** A training run that is done on two backends, by the command that a user calls. */
export interface ComparedRun {
  name: string;
  program: 'lm-train' | 'vit-train';
  /** Options beside those that all runs have. */
  options: readonly string[];
}

const language = (name: string, ...options: string[]): ComparedRun => ({ name, program: 'lm-train', options });

/** Twelve runs that together take every kind of block and all that happens in a compiled step. */
export const comparedRuns: readonly ComparedRun[] = [
  language('scmoe, dropless'),
  language('scmoe, capacity by probability', '--capacity-factor', '1.25', '--drop-policy', 'probability'),
  language('dgmoe', '--kind', 'dgmoe'),
  language('standard, noisy, load losses', '--kind', 'standard', '--noisy', '--load', '0.01', '--importance', '0.01'),
  language(
    'shared, sigmoid, groups, bias',
    ...biased('--kind', 'shared', '--score-function', 'sigmoid', '--num-groups', '2', '--top-k-groups', '1'),
  ),
  language('top1, cosine, jitter', '--kind', 'top1', '--logits', 'cosine', '--cosine-width', '16', '--jitter', '0.1'),
  language(
    'every block, SwiGLU, RMS, GQA',
    '--placement',
    'every',
    '--activation',
    'swiglu',
    '--norm',
    'rms',
    '--num-kv-heads',
    '1',
  ),
  language('dense, dropout, two micro-batches', '--kind', 'dense', '--dropout', '0.1', '--accumulate', '2'),
  language('zero experts, z-loss', '--num-zero-experts', '2', '--top-k', '2', '--z-loss', '0.001'),
  language(
    'Muon, averages, quantile bias',
    ...biased('--kind', 'standard', '--bias-update-rule', 'quantile', '--optimizer', 'muon', '--average-decay', '0.9'),
  ),
  language('farskip, recomputed', '--kind', 'farskip', '--recompute', 'selective'),
  {
    name: 'pictures, stochastic depth',
    program: 'vit-train',
    options: ['--stochastic-depth', '0.1', '--mixup', '0.2'],
  },
];

function biased(...options: string[]): string[] {
  return [...options, '--correction-bias', '--bias-update-rate', '0.01'];
}

/** Options of every run of a program: models that are trained in seconds, on data that are made here. */
export function commonOptions(
  program: ComparedRun['program'],
  { text }: { text: string },
): Record<string, string | number> {
  const small = { 'd-model': 32, 'num-heads': 2, 'num-layers': 2, 'num-experts': 4, 'batch-size': 4 };
  const training = { 'eval-every': 0, 'eval-batches': 2, 'save-every': 0 };
  if (program === 'vit-train') return { ...small, ...training, 'image-size': 8, 'patch-size': 4 };
  return { ...small, ...training, 'sequence-length': 32, data: text, 'sample-tokens': 1 };
}
