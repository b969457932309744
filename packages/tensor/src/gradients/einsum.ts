import * as tf from '@tensorflow/tfjs';

/**
 * The gradient of a product with respect to one operand is dy times the other operand, summed over what the first does
 * not have: again an einsum. TF.js, whose einsum takes one or two operands and no repeated or missing labels within one,
 * has no gradient.
 */
export const einsumGradient: tf.GradConfig = {
  kernelName: 'Einsum',
  saveAllInputs: true,
  gradFunc: (dy, operands, attributes) => {
    const { equation } = attributes as unknown as { equation: string };
    const [left, result] = equation.replace(/\s/g, '').split('->') as [string, string];
    const labels = left.split(',');
    return Object.fromEntries(
      operands.map((operand, i) => {
        const other = operands.length === 2 ? { labels: labels[1 - i]!, tensor: operands[1 - i]! } : undefined;
        return [
          i,
          () => operandGradient({ labels: result, tensor: dy as tf.Tensor }, other, labels[i]!, operand.shape),
        ];
      }),
    );
  },
};

interface Operand {
  labels: string;
  tensor: tf.Tensor;
}

function operandGradient(dy: Operand, other: Operand | undefined, labels: string, shape: number[]): tf.Tensor {
  const available = dy.labels + (other?.labels ?? '');
  const present = [...labels].filter((label) => available.includes(label)).join('');
  const reduced = multiply(dy, other, present);
  // A label that only this operand has was summed over: all its elements share one gradient.
  const kept = shape.map((size, axis) => (present.includes(labels[axis]!) ? size : 1));
  return reduced.reshape(kept).broadcastTo(shape);
}

function multiply(dy: Operand, other: Operand | undefined, result: string): tf.Tensor {
  if (other) {
    // Labels of the other operand alone are summed first: TF.js's einsum fails where both kinds of sums come together.
    const alone = [...other.labels].filter((label) => !(dy.labels + result).includes(label));
    const axes = alone.map((label) => other.labels.indexOf(label));
    const factor = axes.length > 0 ? other.tensor.sum(axes) : other.tensor;
    const labels = [...other.labels].filter((label) => !alone.includes(label)).join('');
    return tf.einsum(`${dy.labels},${labels}->${result}`, dy.tensor, factor);
  }
  if (dy.labels === result) return dy.tensor;
  return dy.tensor.transpose([...result].map((label) => dy.labels.indexOf(label)));
}
