import { toFloat32, type ElementRange, type ReadMemory } from '@scmoe/tensor';

import { PretrainedError } from '../PretrainedError.js';
import { rangeOfMatrices, transposeInto } from '../layouts/matrices.js';
import type { ViewedTensor } from '../folder/viewFolder.js';
import type { ElementType } from './elementTypes.js';
import type { GgufTensor } from './GgufFile.js';
import type { GgufArchitecture } from './ggufArchitectures.js';

/** What most families have in memory for the names of llama.cpp: of a layer behind `model.layers.<i>.`, with `.weight` or `.bias`. */
const names: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  post_attention_norm: 'post_attention_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
  ffn_gate_inp: 'mlp.gate',
  ffn_gate_inp_shexp: 'mlp.shared_expert_gate',
  ffn_gate_shexp: 'mlp.shared_experts.gate_proj',
  ffn_up_shexp: 'mlp.shared_experts.up_proj',
  ffn_down_shexp: 'mlp.shared_experts.down_proj',
};
/** Those whose whole name is theirs. */
const wholeNames: Readonly<Record<string, string>> = {
  exp_probs_b: 'mlp.gate.e_score_correction_bias',
  attn_sinks: 'self_attn.sinks',
};
const outerNames: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

/** Heads of queries and of keys. */
export interface HeadCounts {
  q: number;
  k: number;
}

/**
 * The tensors of a file under the names that a family has in memory, experts of a layer in two: `gate_up_proj` (E, 2f, d), gate
 * first, and `down_proj` (E, d, f).
 *
 * @throws PretrainedError for a tensor whose name is not known
 */
export function viewTensors(
  path: string,
  tensors: ReadonlyMap<string, GgufTensor>,
  { isPermuted = false, hasInterleavedExperts = false, names: own = {} }: GgufArchitecture,
  heads: HeadCounts,
): Map<string, ViewedTensor> {
  const viewed = new Map<string, ViewedTensor>();
  for (const [name, tensor] of tensors) {
    if (name === 'rope_freqs.weight') continue;
    // A layer that predicts a further token has them; it is left out as a whole.
    const nextn = /^blk\.(\d+)\.nextn\.(.+)$/.exec(name);
    if (nextn) {
      viewed.set(`model.layers.${nextn[1]}.${nextn[2]}`, plainView(tensor));
      continue;
    }
    const [, layer, part, kind] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
    const add = (theirs: string, view: ViewedTensor) => viewed.set(`model.layers.${layer}.${theirs}`, view);
    const other = (suffix: string) => {
      const found = tensors.get(`blk.${layer}.${suffix}.${kind}`);
      if (!found)
        throw new PretrainedError(`${path}: expected a tensor 'blk.${layer}.${suffix}.${kind}' beside '${name}'`);
      return found;
    };
    if (layer === undefined || part === undefined) {
      const theirs = outerNames[name];
      if (theirs === undefined) throw new PretrainedError(`${path}: the tensor '${name}' is not known`);
      viewed.set(theirs, plainView(tensor));
    } else if (hasInterleavedExperts && /_exps$/.test(part)) {
      const suffix = kind === 'bias' ? '_bias' : '';
      if (part === 'ffn_gate_exps')
        add(`mlp.experts.gate_up_proj${suffix}`, transposedView([tensor, other('ffn_up_exps')]));
      else if (part === 'ffn_down_exps') add(`mlp.experts.down_proj${suffix}`, transposedView([tensor]));
      else if (part !== 'ffn_up_exps') throw new PretrainedError(`${path}: the tensor '${name}' is not known`);
    } else if (part === 'ffn_gate_up_exps') add(`${own['experts'] ?? 'mlp.experts'}.gate_up_proj`, plainView(tensor));
    else if (part === 'ffn_gate_exps')
      add(`${own['experts'] ?? 'mlp.experts'}.gate_up_proj`, fusedView(path, tensor, other('ffn_up_exps')));
    else if (part === 'ffn_down_exps') add(`${own['experts'] ?? 'mlp.experts'}.down_proj`, plainView(tensor));
    else if (part === 'ffn_gate_shexp' && own['shared_gate_up'])
      add(own['shared_gate_up'], fusedView(path, tensor, other('ffn_up_shexp')));
    else if (part === 'ffn_up_exps' || (part === 'ffn_up_shexp' && own['shared_gate_up'])) continue;
    else if (part in wholeNames) add(own[part] ?? wholeNames[part]!, plainView(tensor));
    else {
      const theirs = own[part] ?? names[part];
      if (theirs === undefined) throw new PretrainedError(`${path}: the tensor '${name}' is not known`);
      const count = part === 'attn_q' ? heads.q : part === 'attn_k' ? heads.k : 0;
      const view = isPermuted && count > 0 ? unpermutedView(tensor, count) : plainView(tensor);
      // A matrix of one row, which some files have as a vector.
      const isRow = part === 'ffn_gate_inp_shexp' && view.shape.length === 1;
      add(`${theirs}.${kind}`, isRow ? { ...view, shape: [1, ...view.shape] } : view);
    }
  }
  return viewed;
}

function plainView({ type, shape, read, map }: GgufTensor): ViewedTensor {
  return { dtype: type.dtype, shape, read, map, ...madeOf(type) };
}

/** Numbers in blocks are made anew whenever they are read. */
function madeOf({ elements }: ElementType): Pick<ViewedTensor, 'made'> {
  return elements > 1 ? { made: 'blocks' } : {};
}

/** Two stacks of matrices as one, rows of the first before those of the second, (E, f, d) twice -> (E, 2f, d). */
function fusedView(path: string, gate: GgufTensor, up: GgufTensor): ViewedTensor {
  if (gate.shape.join() !== up.shape.join() || gate.type.dtype !== up.type.dtype)
    throw new PretrainedError(`${path}: expected '${up.name}' to be like '${gate.name}', (${gate.shape.join(', ')})`);
  const [rows, columns] = gate.shape.slice(-2) as [number, number];
  const size = rows * columns;
  const shape = [...gate.shape.slice(0, -2), 2 * rows, columns];
  const all = shape.reduce((product, axis) => product * axis, 1);
  const { dtype } = gate.type;
  const read = async ({ begin, count }: ElementRange = { begin: 0, count: all }, memory?: ReadMemory) => {
    const parts: Float32Array[] = [];
    for (let at = begin; at < begin + count;) {
      const [half, inside] = [Math.floor(at / size), at % size];
      const length = Math.min(size - inside, begin + count - at);
      const source = half % 2 === 0 ? gate : up;
      const range = { begin: Math.floor(half / 2) * size + inside, count: length };
      // The one part there is may lie in the memory that is offered; of several each has its own.
      const stored = await source.read(range, length === count ? memory : undefined);
      if (length === count) return { ...stored, shape: [count] };
      parts.push(toFloat32(stored));
      at += length;
    }
    return { dtype: 'F32' as const, shape: count === all ? shape : [count], data: joined(parts, count) };
  };
  // What is in one of them lies as it is read.
  const map = ({ begin, count }: ElementRange = { begin: 0, count: all }) => {
    const [half, inside] = [Math.floor(begin / size), begin % size];
    if (inside + count > size) return undefined;
    return (half % 2 === 0 ? gate : up).map({ begin: Math.floor(half / 2) * size + inside, count });
  };
  return { dtype, shape, read, map, ...madeOf(gate.type) };
}

/**
 * Stacked matrices the other way round, (E, out, in) -> (E, in, out), columns of several taking turns; or biases (E, out), which
 * have no other way round.
 */
function transposedView(parts: readonly GgufTensor[]): ViewedTensor {
  const [experts, rows, columns = 1] = parts[0]!.shape as [number, number, number?];
  const size = rows * columns;
  const shape = [experts, columns, parts.length * rows] as const;
  const read = async (elements?: ElementRange) => {
    const stored = await rangeOfMatrices(shape, elements, async (expert, target) => {
      for (const [offset, part] of parts.entries()) {
        const source = toFloat32(await part.read({ begin: expert * size, count: size }));
        transposeInto(target, source, { rows, columns }, { step: parts.length, offset });
      }
    });
    return elements ? stored : { ...stored, shape: shown };
  };
  const shown = parts[0]!.shape.length === 2 ? [experts, shape[2]] : [...shape];
  return { dtype: 'F32', shape: shown, made: 'matrices', read };
}

function joined(parts: readonly Float32Array[], count: number): Float32Array {
  const whole = new Float32Array(count);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Rows of queries or keys in the order of transformers: of each head llama.cpp has those that turn together side by side, row
 * 2i and 2i + 1 for i and i + D/2.
 */
function unpermutedView({ shape, read: readStored }: GgufTensor, heads: number): ViewedTensor {
  const rows = shape[0]!;
  const columns = shape.slice(1).reduce((product, axis) => product * axis, 1);
  const [headSize, half] = [rows / heads, rows / heads / 2];
  const read = async (elements?: ElementRange) => {
    const stored = toFloat32(await readStored());
    const data = new Float32Array(stored.length);
    for (let row = 0; row < rows; row++) {
      const inHead = row % headSize;
      const from = row - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
      data.set(stored.subarray(from * columns, (from + 1) * columns), row * columns);
    }
    if (!elements) return { dtype: 'F32' as const, shape: [...shape], data };
    const { begin, count } = elements;
    return { dtype: 'F32' as const, shape: [count], data: data.subarray(begin, begin + count) };
  };
  return { dtype: 'F32', shape, made: 'whole', read };
}
