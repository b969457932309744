import { openTensorFlow } from '../install/openTensorFlow.js';
import { describeWithTensorFlow } from '../testing/describeWithTensorFlow.js';
import { attribute } from './Attribute.js';
import type { Graph, TensorFlowBinding, TensorHandle } from './TensorFlowBinding.js';

const { type } = attribute;

describeWithTensorFlow('the binding of TensorFlow', () => {
  let tensorFlow: TensorFlowBinding;
  let before: number;

  beforeAll(() => {
    tensorFlow = openTensorFlow({ threads: 1 });
  });
  beforeEach(() => {
    before = tensorFlow.liveTensors();
  });
  afterEach(() => {
    expect(tensorFlow.liveTensors()).toBe(before);
  });

  const float32 = (shape: number[], values: number[]) =>
    tensorFlow.createTensor('float32', shape, Float32Array.from(values));
  const int32 = (shape: number[], values: number[]) => tensorFlow.createTensor('int32', shape, Int32Array.from(values));
  const deleteAll = (...tensors: TensorHandle[]) => tensors.forEach(({ id }) => tensorFlow.delete(id));
  /** The elements of the one output of an operation; deletes it. */
  const valuesOf = (operation: string, ...rest: [Parameters<TensorFlowBinding['execute']>[1], object?]) => {
    const [output] = tensorFlow.execute(operation, ...(rest as [number[]]));
    const values = Array.from(tensorFlow.read(output!.id) as Float32Array);
    tensorFlow.delete(output!.id);
    return values;
  };

  it('says which TensorFlow it is and on which device it computes', () => {
    expect(tensorFlow.version).toMatch(/^2\.\d+\.\d+/);
    expect(tensorFlow.devices.map((device) => device.type)).toContain('CPU');
    expect(tensorFlow.devices).toContain(tensorFlow.device);
  });

  it('runs an operation whose types follow from its inputs', () => {
    const [a, b] = [float32([2, 2], [1, 2, 3, 4]), float32([2, 1], [5, 6])];
    const [product] = tensorFlow.execute('MatMul', [a.id, b.id]);
    expect(product).toMatchObject({ dtype: 'float32', shape: [2, 1] });
    expect(tensorFlow.describe(product!.id)).toEqual(product);
    expect(tensorFlow.read(product!.id)).toEqual(Float32Array.of(17, 39));
    expect(valuesOf('MatMul', [b.id, a.id], { transpose_a: true })).toEqual([23, 34]);
    deleteAll(a, b, product!);
  });

  it('takes lists of inputs, gives as many outputs as there are, and reads attributes of every kind', () => {
    const [a, b, axis] = [float32([2], [1, 2]), float32([2], [3, 4]), int32([], [0])];
    expect(valuesOf('ConcatV2', [[a.id, b.id], axis.id])).toEqual([1, 2, 3, 4]);
    expect(valuesOf('Pack', [[a.id, b.id]], { axis: attribute.int(1) })).toEqual([1, 3, 2, 4]);
    expect(valuesOf('Einsum', [[a.id, b.id]], { equation: 'i,i->' })).toEqual([11]);
    const parts = tensorFlow.execute('Unpack', [a.id], { num: attribute.int(2) });
    expect(parts.map(({ id }) => Array.from(tensorFlow.read(id) as Float32Array))).toEqual([[1], [2]]);
    const image = float32([1, 2, 2, 1], [1, 2, 3, 4]);
    const window = attribute.ints([1, 2, 2, 1]);
    expect(valuesOf('MaxPool', [image.id], { ksize: window, strides: window, padding: 'VALID' })).toEqual([4]);
    expect(valuesOf('LeakyRelu', [image.id], { alpha: attribute.float(0.5) })).toEqual([1, 2, 3, 4]);
    deleteAll(a, b, axis, image, ...parts);
  });

  it('computes in bfloat16, and keeps other types apart', () => {
    const x = float32([2], [1 + 2 ** -10, -3]);
    const [rounded] = tensorFlow.execute('Cast', [x.id], { DstT: type('bfloat16') });
    expect(tensorFlow.read(rounded!.id)).toEqual(Uint16Array.of(0x3f80, 0xc040));
    const large = tensorFlow.createTensor('int64', [1], BigInt64Array.of(2n ** 40n));
    expect(tensorFlow.read(large.id)).toEqual(BigInt64Array.of(2n ** 40n));
    expect(valuesOf('Greater', [x.id, x.id])).toEqual([0, 0]);
    expect(() => tensorFlow.createTensor('float32', [2], Uint16Array.of(1, 2))).toThrow(
      'data: expected an array of 4 bytes an element for float32, got "Uint16Array"',
    );
    deleteAll(x, rounded!, large);
  });

  it('names the operation and what it was given where TensorFlow refuses', () => {
    const [a, b] = [float32([2, 3], [1, 2, 3, 4, 5, 6]), float32([4, 5], new Array<number>(20).fill(0))];
    expect(() => tensorFlow.execute('MatMul', [a.id, b.id])).toThrow(
      /^MatMul\(float32\[2,3\], float32\[4,5\]\): Matrix size-incompatible: In\[0\]: \[2,3\], In\[1\]: \[4,5\]$/,
    );
    expect(() => tensorFlow.execute('MatMull', [a.id])).toThrow(/^MatMull\(float32\[2,3\]\): .*MatMull/);
    deleteAll(a, b);
    expect(() => tensorFlow.read(a.id)).toThrow(`id: expected a tensor that is there, got ${a.id}`);
    expect(() => float32([2, 2], [1])).toThrow('expected the 16 bytes of float32[2,2], got 4');
  });

  it('shows the memory of tensors without a copy, also what nobody has set yet, as long as somebody looks', () => {
    const fresh = tensorFlow.allocate('float32', [2, 2]);
    expect(Number(tensorFlow.devicePointer(fresh.id)) % 64).toBe(0);
    tensorFlow.view(fresh.id).set([1, 2, 3, 4] as never);
    expect(valuesOf('Neg', [fresh.id])).toEqual([-1, -2, -3, -4]);
    const [sum] = tensorFlow.execute('AddV2', [fresh.id, fresh.id]);
    const [view, again] = [tensorFlow.view(sum!.id), tensorFlow.view(sum!.id)];
    deleteAll(fresh, sum!);
    const [size, value] = [int32([1], [4]), float32([], [7])];
    for (let i = 0; i < 8; i++) valuesOf('Fill', [size.id, value.id]);
    deleteAll(size, value);
    expect([view, again]).toEqual([Float32Array.of(2, 4, 6, 8), Float32Array.of(2, 4, 6, 8)]);
    const empty = tensorFlow.allocate('int32', [0, 3]);
    expect(tensorFlow.view(empty.id)).toEqual(new Int32Array(0));
    deleteAll(empty);
    expect(() => tensorFlow.view(empty.id)).toThrow(`id: expected a tensor that is there, got ${empty.id}`);
    expect(() => tensorFlow.allocate('string', [1])).toThrow(/dtype: expected a type of numbers, got .*string\[1\]/);
  });

  it('lies over memory of JavaScript without a copy, where it is aligned', () => {
    const memory = new ArrayBuffer(192);
    const probe = float32([1], [0]);
    // Where in the buffer a multiple of 64 lies is not ours to say: one of the sixteen places of four bytes works.
    const places = Array.from({ length: 16 }, (_, place) => new Float32Array(memory, place * 4, 4));
    const made = places.flatMap((array) => {
      try {
        return [{ array, tensor: tensorFlow.tensorOver('float32', [4], array) }];
      } catch (error) {
        expect((error as Error).message).toMatch(/expected memory that begins at a multiple of 64 bytes, got \d+/);
        return [];
      }
    });
    expect(made).toHaveLength(1);
    const { array, tensor } = made[0]!;
    array.set([1, 2, 3, 4]);
    expect(valuesOf('AddV2', [tensor.id, tensor.id])).toEqual([2, 4, 6, 8]);
    expect(tensorFlow.devicePointer(tensor.id) % 64n).toBe(0n);
    deleteAll(probe, tensor);
  });

  describe('graphs', () => {
    let graph: Graph;
    beforeEach(() => {
      graph = tensorFlow.createGraph();
    });
    afterEach(() => graph.delete());

    it('infer types and shapes, and become functions that run as they are or compiled by XLA', () => {
      const x = graph.placeholder('float32', [2, 3]);
      const w = graph.constant('float32', [3, 1], Float32Array.of(1, 10, 100));
      const [y] = graph.add('MatMul', { inputs: [x.id, w.id] }).outputs;
      expect(y).toMatchObject({ dtype: 'float32', shape: [2, 1] });
      const [z] = graph.add('ConcatV2', {
        inputs: [[y!.id, y!.id], graph.constant('int32', [], Int32Array.of(1)).id],
      }).outputs;
      expect(z!.shape).toEqual([2, 2]);
      const name = graph.toFunction({ name: 'test', inputs: [x.id], outputs: [z!.id] });
      const given = float32([2, 3], [1, 2, 3, 4, 5, 6]);
      expect(valuesOf(name, [given.id])).toEqual([321, 321, 654, 654]);
      expect(valuesOf(name, [given.id], { _XlaMustCompile: true })).toEqual([321, 321, 654, 654]);
      tensorFlow.removeFunction(name);
      expect(() => tensorFlow.execute(name, [given.id])).toThrow(new RegExp(`^${name}\\(float32\\[2,3\\]\\): `));
      tensorFlow.delete(given.id);
    });

    it('assign to variables, in order, without leaving a handle over a thousand calls', () => {
      const handleType = { dtype: type('float32'), shape: attribute.shape([2]) };
      const [variable] = tensorFlow.execute('VarHandleOp', [], { ...handleType, shared_name: 'testVariable' });
      const start = float32([2], [0, 0]);
      tensorFlow.execute('AssignVariableOp', [variable!.id, start.id], { dtype: type('float32') });

      const handle = graph.placeholder('resource', []);
      const step = graph.placeholder('float32', []);
      const read = graph.add('ReadVariableOp', { inputs: [handle.id], attributes: { dtype: type('float32') } });
      const value = graph.setShape(read.outputs[0]!.id, [2]);
      const [sum] = graph.add('AddV2', { inputs: [value.id, step.id] }).outputs;
      expect(sum!.shape).toEqual([2]);
      const assign = graph.add('AssignVariableOp', {
        inputs: [handle.id, sum!.id],
        attributes: { dtype: type('float32') },
        after: [read.id],
      });
      const name = graph.toFunction({
        name: 'test',
        inputs: [handle.id, step.id],
        outputs: [sum!.id],
        effects: [assign.id],
      });

      const one = float32([], [1]);
      const held = tensorFlow.liveTensors();
      for (let i = 0; i < 1000; i++)
        deleteAll(...tensorFlow.execute(name, [variable!.id, one.id], { _XlaMustCompile: true }));
      expect(tensorFlow.liveTensors()).toBe(held);
      expect(valuesOf('ReadVariableOp', [variable!.id], { dtype: type('float32') })).toEqual([1000, 1000]);
      tensorFlow.execute('DestroyResourceOp', [variable!.id]);
      tensorFlow.removeFunction(name);
      deleteAll(variable!, start, one);
    });

    it('name the operation and its inputs where inference refuses, and go on', () => {
      const x = graph.placeholder('float32', [2, 3]);
      expect(() => graph.add('MatMul', { inputs: [x.id, x.id] })).toThrow(
        /^MatMul\(float32\[2,3\], float32\[2,3\]\): Dimensions must be equal/,
      );
      expect(() => graph.add('Neg', { inputs: [99] })).toThrow('inputs: expected outputs of this graph, got 99');
      expect(graph.add('Neg', { inputs: [x.id] }).outputs[0]!.shape).toEqual([2, 3]);
    });
  });
});
