// One rank of the overlap benchmark: answers each line on standard input (suites/overlap/protocol.ts) with one of JSON.
// peers/overlap_torch.py answers the same questions of time.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { init } from '@scmoe/comm';
import {
  ExpertParallelDispatcher,
  gatherText,
  observedCosts,
  overlapped,
  spansOf,
  StepRecorder,
  type StepEvent,
} from '@scmoe/layer';
import { describeCut, stageGraph, numPartsOf, sequentialPlan, type PlanChoice } from '@scmoe/scheduler';
import { AdamW, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { benchLayers, type LayerName } from '../suites/overlap/layers.js';
import type { Computation, Level, Mode, OverlapShape } from '../suites/overlap/OverlapShape.js';
import type { ProfileAnswer, Question, TimeAnswer, TraceAnswer } from '../suites/overlap/protocol.js';
import { median } from '../statistics.js';
import { modelSubject } from './overlap/modelSubject.js';
import { pairSubject } from './overlap/pairSubject.js';
import { removedExchange } from './overlap/removedExchange.js';
import type { Execution, Subject } from './overlap/Subject.js';
import type { TimedCall } from './overlap/waits/KernelLengths.js';
import { Turns } from './overlap/waits/Turns.js';
import { WaitingKernels } from './overlap/waits/WaitingKernels.js';

const { values: options } = parseArgs({
  options: { shape: { type: 'string' }, turns: { type: 'string' }, computation: { type: 'string' } },
});
const shape = JSON.parse(options.shape!) as OverlapShape;
/** Where nothing else is asked for. */
const computation = options.computation as Computation;

await useBackend('scmoe', { threads: 1 });
const kernels = options.turns === undefined ? undefined : new WaitingKernels(new Turns(options.turns));
const world = await init({ timeoutMs: 120_000 });
const place = { rank: world.rank, size: world.size };
const dispatcherOver = (communicator: typeof world) =>
  new ExpertParallelDispatcher({ communicator, numExperts: shape.numExperts });
const dispatchers = { travelling: dispatcherOver(world), removed: dispatcherOver(removedExchange(place)) };

interface Trained {
  subject: Subject;
  optimizer: AdamW;
}
const made = new Map<string, Trained>();

function trained(level: Level, layer: LayerName): Trained {
  const key = `${level} ${layer}`;
  let entry = made.get(key);
  if (!entry) {
    const subject = (level === 'pair' ? pairSubject : modelSubject)(layer, shape, place);
    made.set(key, (entry = { subject, optimizer: new AdamW() }));
  }
  return entry;
}

/** The same work in stages of which every operator is observed; undefined where it is in such anyway. */
function profiled({ subject, optimizer }: Trained): Trained | undefined {
  const { profiledLoss: loss, profiledForward: forward } = subject;
  return loss && forward && { subject: { ...subject, loss, forward }, optimizer };
}

function forget(level: Level, layer: LayerName): void {
  const key = `${level} ${layer}`;
  const entry = made.get(key);
  made.delete(key);
  entry?.optimizer.dispose();
  tf.dispose(entry?.subject.variables);
}

/** A step that is run several times, whose kernels may wait. */
interface Repeated {
  level: Level;
  layer: LayerName;
  entry: Trained;
  mode: Mode;
  /** How it is cut; the order of its steps makes no difference to what kernels there are. */
  plan: PlanChoice;
  isProfiled?: boolean;
}

/** What runs a step as `how` says: with kernels that compute, or that wait as long as they were timed to take. */
async function runner(how: Computation, repeated: Repeated): Promise<(run: () => Promise<void>) => Promise<void>> {
  if (how === 'kernels') return (run) => run();
  if (!kernels!.knows(nameOf(repeated))) await timeKernels(repeated);
  return (run) => kernels!.waiting(nameOf(repeated), run);
}

function nameOf({ level, layer, mode, plan, isProfiled = false }: Repeated): string {
  return [level, layer, mode, describeCut(plan ?? {}), isProfiled ? 'profiled' : ''].join(' ');
}

/** Rounds that lengths are taken from. The first of them is not like the others. */
const timedRounds = 4;

/** Times the kernels of a step, on all ranks together, until they have agreed on how long each takes. */
async function timeKernels(asked: Repeated): Promise<void> {
  // A pass by itself has kernels of its own, many of which a training step has as well: they are timed in turn.
  const together: Repeated[] = [asked, { ...asked, mode: 'infer' }];
  // What was timed before tells the pace, beside a cut that has nothing in common with it.
  const whole: Repeated = { ...asked, mode: 'infer', plan: null, isProfiled: false };
  if (kernels!.knows(nameOf(whole))) together.push(whole);
  const names = new Set<string>();
  const round = together.filter((one) => !names.has(nameOf(one)) && names.add(nameOf(one)));
  for (let i = 0; i < timedRounds; i++) {
    const calls: TimedCall[] = [];
    for (const one of round) {
      const { entry, mode, plan } = one;
      // Nothing travels beside what is timed, where exchanges are even; others come one after the other.
      const dispatcher = plan?.halves === 2 ? dispatchers.travelling : dispatchers.removed;
      const execution = { overlap: following(plan, { isSequential: true }), dispatcher };
      calls.push(...(await kernels!.timed(nameOf(one), () => step(entry, mode, execution))));
    }
    const all = Array.from(await world.allGather(Int32Array.of(kernels!.add(calls) ? 1 : 0)).done);
    if (i === 0 && all.every(Boolean)) return;
  }
  await kernels!.agree((text) => gatherText(world, text));
}

/** One step, to its last result. The averaging of the gradients of what all ranks have alike is not part of it. */
async function step({ subject, optimizer }: Trained, mode: Mode, execution: Execution): Promise<void> {
  const result = tf.tidy(() => {
    if (mode === 'infer') return subject.forward(execution);
    const { value, grads } = valueAndGrads(() => subject.loss(execution), { ...subject.variables, ...subject.inputs });
    // By nothing: who sends how many rows where, from the profile to the last step, is the router's as it was.
    optimizer.step(subject.variables, grads, { learningRate: 0 });
    return value;
  });
  await result.data();
  result.dispose();
}

function following(plan: PlanChoice, { isSequential = plan === null } = {}): Execution['overlap'] {
  return {
    stage: () => ({
      chunks: plan?.chunks ?? 1,
      expertChunks: plan?.expertChunks ?? 1,
      ...(plan?.halves === 2 && { split: 'batch' as const }),
      plan: (operators) => (isSequential ? sequentialPlan(operators) : overlapped(plan!.slot)(operators)),
    }),
  };
}

/** All ranks begin together. */
async function time(question: Extract<Question, { ask: 'time' }>): Promise<TimeAnswer> {
  const { level, layer, mode, plan, exchange } = question;
  const entry = trained(level, layer);
  const execution = { overlap: following(plan), dispatcher: exchange ? dispatchers.travelling : dispatchers.removed };
  const run = await runner(question.computation ?? computation, { level, layer, entry, mode, plan });
  world.barrier().wait();
  const begin = performance.now();
  await run(() => step(entry, mode, execution));
  return { seconds: (performance.now() - begin) / 1000 };
}

/** Steps that are written down: sequential ones, or in parts. */
async function profile(question: Extract<Question, { ask: 'profile' }>): Promise<ProfileAnswer> {
  const { level, layer, mode, steps, cut } = question;
  const inStages = profiled(trained(level, layer));
  const entry = inStages ?? trained(level, layer);
  const plan = numPartsOf(cut) === 1 ? null : { slot: 0, ...cut };
  const run = await runner(computation, { level, layer, entry, mode, plan, isProfiled: inStages !== undefined });
  const observed: StepEvent[][] = [];
  const outsideMs: number[] = [];
  // The first step allocates memory and touches it.
  for (let i = 0; i < steps + 1; i++) {
    const { events, stepMs } = await recorded(run, entry, mode, plan);
    const inLayersMs = events.reduce((sum, { beginMs, endMs }) => sum + endMs - beginMs, 0);
    if (i === 0) continue;
    observed.push(events);
    outsideMs.push(stepMs - inLayersMs);
  }
  const graph = stageGraph(benchLayers[layer].graph);
  const layers: ProfileAnswer['layers'] = [];
  for (let stage = 0; stage < entry.subject.numLayers; stage++)
    layers.push(await observedCosts(observed, { stage, graph, world }));
  return { layers, outsideMs: median(outsideMs) };
}

/** The second of two steps under a plan. */
async function trace({ level, layer, mode, plan }: Extract<Question, { ask: 'trace' }>): Promise<TraceAnswer> {
  const entry = trained(level, layer);
  const run = await runner(computation, { level, layer, entry, mode, plan });
  await recorded(run, entry, mode, plan);
  const { events } = await recorded(run, entry, mode, plan);
  return { spans: spansOf(events, world.rank) };
}

/** A step under a plan, and what happened when. All ranks begin together. */
async function recorded(
  run: Awaited<ReturnType<typeof runner>>,
  entry: Trained,
  mode: Mode,
  plan: PlanChoice,
): Promise<{ events: StepEvent[]; stepMs: number }> {
  const recorder = new StepRecorder();
  const { stage } = following(plan);
  const overlap = { stage: (index: number) => ({ ...stage(index), observer: recorder.observer(index) }) };
  world.barrier().wait();
  const begin = performance.now();
  await run(() => step(entry, mode, { overlap, dispatcher: dispatchers.travelling }));
  const stepMs = performance.now() - begin;
  const events = recorder.take(world.flightRecord().entries);
  if (!events) throw new Error(`${mode}: expected as many exchanges in the flight record as the plan has, got others`);
  return { events, stepMs };
}

const say = (answer: unknown) => process.stdout.write(`${JSON.stringify(answer)}\n`);
say({ version: 'ScMoE' });
for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line) as Question;
  if (question.ask === 'time') say(await time(question));
  else if (question.ask === 'profile') say(await profile(question));
  else if (question.ask === 'trace') say(await trace(question));
  else {
    forget(question.level, question.layer);
    say({});
  }
}
await world.close();
process.exit(0);
