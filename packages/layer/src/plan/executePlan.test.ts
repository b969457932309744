import { sequentialPlan, type Plan } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { executePlan } from './executePlan.js';
import type { LateValue } from './LateValue.js';
import { operatorsOver } from './Operator.js';
import type { PlanObserver } from './PlanObserver.js';

interface Values {
  x: tf.Scalar;
  sent: tf.Scalar;
  meanwhile: tf.Scalar;
  y: tf.Scalar;
}

const { computation, exchange } = operatorsOver<Values>();

/** x travels and comes back doubled; x + 1 is computed in the meantime. `log` shows the order. */
function operators(log: string[] = []) {
  return [
    exchange({
      kind: 'dispatch',
      inputs: ['x'],
      outputs: ['sent'],
      start: ({ x }) => {
        log.push('start');
        return { doubled: tf.mul<tf.Scalar>(x, 2) };
      },
      finish: ({ doubled }) => {
        log.push('finish');
        return { sent: doubled };
      },
    }),
    computation({
      kind: 'mlp',
      inputs: ['x'],
      outputs: ['meanwhile'],
      run: ({ x }) => {
        log.push('mlp');
        tf.add(x, 100);
        return { meanwhile: tf.add<tf.Scalar>(x, 1) };
      },
    }),
    computation({
      kind: 'output',
      inputs: ['sent', 'meanwhile'],
      outputs: ['y'],
      run: ({ sent, meanwhile }) => ({ y: tf.add<tf.Scalar>(sent, meanwhile) }),
    }),
  ];
}

const run = (operator: string) => ({ action: 'run', operator }) as const;
const start = (operator: string) => ({ action: 'start', operator }) as const;
const wait = (operator: string) => ({ action: 'wait', operator }) as const;
const overlapped: Plan = [start('dispatch'), run('mlp'), wait('dispatch'), run('output')];

describe('executePlan', () => {
  const x = tf.scalar(3);

  it('leaves to whoever reads a late value the steps that bring it, and frees the rest', () => {
    const log: string[] = [];
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const late: Plan = [start('dispatch'), run('mlp'), wait('dispatch')];
      const [dispatch, mlp] = operators(log) as [ReturnType<typeof operators>[0], ReturnType<typeof operators>[1]];
      const { sent, meanwhile } = tf.tidy(
        () => executePlan(late, [dispatch, mlp], { x }, { late: 'sent' }) as unknown as tf.NamedTensorMap,
      ) as unknown as { sent: LateValue<tf.Tensor>; meanwhile: tf.Scalar };
      expect(log).toEqual(['start', 'mlp']);
      const reads = computation({
        kind: 'output',
        inputs: ['sent', 'meanwhile'],
        outputs: ['y'],
        run: ({ sent, meanwhile }) => ({ y: tf.add<tf.Scalar>(sent, meanwhile) }),
      });
      const given = { sent, meanwhile } as unknown as Values;
      expect(executePlan([run('output')], [reads], given).y!.dataSync()[0]).toBe(10);
      expect(executePlan([run('output')], [reads], given).y!.dataSync()[0]).toBe(10);
      expect(log).toEqual(['start', 'mlp', 'finish']);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('follows the plan: other operators run between start and wait', () => {
    const log: string[] = [];
    tf.tidy(() => void executePlan(overlapped, operators(log), { x }));
    expect(log).toEqual(['start', 'mlp', 'finish']);
  });

  it('gives the same values and gradients whatever the plan', () => {
    for (const plan of [overlapped, sequentialPlan(operators())]) {
      const f = (x: tf.Scalar) => executePlan(plan, operators(), { x }).y!;
      tf.tidy(() => {
        expect(f(x).dataSync()[0]).toBe(10);
        expect(
          tf
            .grad(f as (x: tf.Tensor) => tf.Tensor)(x)
            .dataSync()[0],
        ).toBe(3);
      });
    }
  });

  it('frees what an operator neither returns nor saves', () => {
    const before = tf.memory().numTensors;
    const values = executePlan(overlapped, operators(), { x });
    expect(tf.memory().numTensors - before).toBe(3);
    tf.dispose([values.sent!, values.meanwhile!, values.y!]);
  });

  it('hands an operator only the values it declares', () => {
    let seen: string[] = [];
    const spy = computation({
      kind: 'output',
      inputs: ['x'],
      outputs: ['y'],
      run: (inputs) => {
        seen = Object.keys(inputs);
        return { y: inputs.x };
      },
    });
    executePlan([run('output')], [spy], { x, meanwhile: x });
    expect(seen).toEqual(['x']);
  });

  it.each<[string, Plan, RegExp]>([
    ['an unknown operator', [run('attention')], /'run attention': no such operator; there are dispatch, mlp, output/],
    ['an operator before its input', [run('mlp'), run('output')], /'run output': 'dispatch' is not complete yet/],
    ['a repetition', [run('mlp'), run('mlp')], /'run mlp': it already ran/],
    ['a wait without start', [wait('dispatch')], /'wait dispatch': it was not started/],
    ['a second start', [start('dispatch'), start('dispatch')], /'start dispatch': it is already under way/],
    ['an exchange that is run', [run('dispatch')], /'run dispatch': an exchange is started and waited for/],
    ['a computation that is started', [start('mlp')], /'start mlp': a computation is run/],
    ['an incomplete plan', [start('dispatch'), run('mlp')], /ends before .* complete: dispatch, output/],
  ])('rejects %s', (_, plan, message) => {
    tf.tidy(() => expect(() => executePlan(plan, operators(), { x })).toThrow(message));
  });

  it('rejects values without one that is read', () => {
    tf.tidy(() => {
      const plan = sequentialPlan(operators());
      expect(() => executePlan(plan, operators(), { y: x })).toThrow(
        "'dispatch' reads 'x', which was not given; there are y",
      );
    });
  });
});

describe('an observer', () => {
  function logging() {
    const log: string[] = [];
    const note =
      (edge: string): PlanObserver['begin'] =>
      ({ action, operator }, phase) =>
        void log.push(`${phase} ${action} ${operator} ${edge}`);
    return { log, observer: { begin: note('begins'), end: note('ends') } };
  }

  it('hears of every step in its order', () => {
    const { log, observer } = logging();
    tf.tidy(() => executePlan(overlapped, operators(), { x: tf.scalar(3) }, { observer }));
    expect(log.filter((line) => line.endsWith('begins'))).toEqual([
      'forward start dispatch begins',
      'forward run mlp begins',
      'forward wait dispatch begins',
      'forward run output begins',
    ]);
    expect(log).toHaveLength(8);
  });

  it('hears of the mirrored steps in the backward pass, the last first', () => {
    const { log, observer } = logging();
    const gradient = tf.grad((x) => executePlan(overlapped, operators(), { x: x as tf.Scalar }, { observer }).y!);
    expect(gradient(tf.scalar(3)).dataSync()[0]).toBe(3);
    const backward = log.filter((line) => line.startsWith('backward'));
    expect(backward.filter((line, i) => line.endsWith('begins') && backward.indexOf(line) === i)).toEqual([
      'backward run output begins',
      'backward start dispatch begins',
      'backward run mlp begins',
      'backward wait dispatch begins',
    ]);
    for (const step of ['run output', 'start dispatch', 'run mlp', 'wait dispatch']) {
      expect(backward.lastIndexOf(`backward ${step} ends`)).toBeGreaterThan(
        backward.indexOf(`backward ${step} begins`),
      );
    }
  });

  it('changes no number and leaves no tensor behind', () => {
    const { observer } = logging();
    const x = tf.scalar(3);
    const before = tf.memory().numTensors;
    const run = (options: { observer?: PlanObserver }) =>
      tf.tidy(() => executePlan(overlapped, operators(), { x }, options).y!.dataSync()[0]);
    expect(run({ observer })).toBe(run({}));
    expect(tf.memory().numTensors).toBe(before);
    x.dispose();
  });
});
