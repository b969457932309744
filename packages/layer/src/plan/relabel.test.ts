import { sequentialPlan } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { executePlan } from './executePlan.js';
import { operatorsOver } from './Operator.js';
import { relabel } from './relabel.js';

interface Values {
  x: tf.Scalar;
  sent: tf.Scalar;
  y: tf.Scalar;
  currentX: tf.Scalar;
  currentSent: tf.Scalar;
  currentY: tf.Scalar;
}

const { computation, exchange } = operatorsOver<Values>();
const operators = [
  exchange({
    kind: 'dispatch',
    inputs: ['x'],
    outputs: ['sent'],
    start: ({ x }) => ({ doubled: tf.mul<tf.Scalar>(x, 2) }),
    finish: ({ doubled }) => ({ sent: doubled }),
  }),
  computation({ kind: 'expert', inputs: ['sent'], outputs: ['y'], run: ({ sent }) => ({ y: tf.add(sent, 1) }) }),
];

describe('relabel', () => {
  it('lets the same operators run twice, on other values and under other names', () => {
    const again = relabel<Values>(operators, {
      suffix: '2',
      values: { x: 'currentX', sent: 'currentSent', y: 'currentY' },
    });
    expect(again.map(({ name, kind }) => [name, kind])).toEqual([
      ['dispatch2', 'dispatch'],
      ['expert2', 'expert'],
    ]);
    const all = [...relabel<Values>(operators, { suffix: '1' }), ...again];
    tf.tidy(() => {
      const values = executePlan(sequentialPlan(all), all, { x: tf.scalar(1), currentX: tf.scalar(10) });
      expect([values.y!.dataSync()[0], values.currentY!.dataSync()[0]]).toEqual([3, 21]);
    });
  });
});
