// Writes the C++ side of signatures/ into the build folder: for each table a header with a struct per function, whose
// constructor reads and checks the arguments of a call.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const native = dirname(dirname(fileURLToPath(import.meta.url)));
const signatures = join(native, 'signatures');

const typedArrays = {
  float32: { napi: 'napi_float32_array', cpp: 'float' },
  int32: { napi: 'napi_int32_array', cpp: 'int32_t' },
  bool: { napi: 'napi_uint8_array', cpp: 'uint8_t' },
  uint8: { napi: 'napi_uint8_array', cpp: 'uint8_t' },
  bf16: { napi: 'napi_uint16_array', cpp: 'uint16_t' },
};

/** Headers of the enums that choices name. */
const enumHeaders = {
  Activation: 'cpu/activation.h',
  RopeStyle: 'cpu/rotary.h',
  WeightFormat: 'cpu/stored_weight.h',
  Operation: 'comm/request.h',
  DType: 'comm/dtype.h',
  Reduction: 'comm/dtype.h',
};
const enumNamespace = { Operation: 'comm::', DType: 'comm::', Reduction: 'comm::' };

/** Generates all headers; those that have not changed keep their time, so that nothing is compiled for them. */
export async function generate(buildFolder) {
  const { tensorSignatures, commSignatures, tensorFlowSignatures, parseSignature } = await load(
    join(buildFolder, 'generated', 'js'),
  );
  const addons = { tensor: tensorSignatures, comm: commSignatures, tensorflow: tensorFlowSignatures };
  for (const [addon, tables] of Object.entries(addons))
    for (const [name, table] of Object.entries(tables)) {
      const functions = Object.entries(table).map(([f, signature]) => [f, parse(f, signature, parseSignature)]);
      const file = `${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}.h`;
      write(join(buildFolder, 'generated', 'signatures', addon, file), header(`${addon}/${name}.ts`, functions));
    }
}

/** The tables, which are TypeScript: transpiled here, for Node 20 runs none. */
async function load(folder) {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  for (const file of readdirSync(signatures, { recursive: true }).filter((name) => name.endsWith('.ts'))) {
    const { outputText } = ts.transpileModule(readFileSync(join(signatures, file), 'utf8'), { compilerOptions });
    write(join(folder, file.replace(/\.ts$/, '.js')), outputText);
  }
  write(join(folder, 'package.json'), '{ "type": "module" }\n');
  const part = (file) => import(pathToFileURL(join(folder, file)));
  const tables = await Promise.all(['tensor', 'comm', 'tensorflow'].map((addon) => part(`${addon}/index.js`)));
  return Object.assign({}, ...tables, await part('parseSignature.js'));
}

function parse(name, signature, parseSignature) {
  try {
    return parseSignature(signature);
  } catch (error) {
    throw new Error(`signature of ${name}: ${error.message}`, { cause: error });
  }
}

function header(source, functions) {
  const enums = functions.flatMap(([, args]) => args.filter((a) => a.kind === 'choice').map((a) => a.type));
  const hasWalk = functions.some(([, args]) => args.some((a) => a.kind === 'walk'));
  const includes = [hasWalk ? 'bindings/walk.h' : 'bindings/call.h', ...enums.map((type) => enumHeaders[type])];
  return [
    `// Generated from native/signatures/${source} by native/scripts/generate.mjs.`,
    '#pragma once',
    ...[...new Set(includes)].sort().map((file) => `#include "${file}"`),
    '',
    'namespace scmoe::signatures {',
    ...functions.map(([name, args]) => struct(name, args)),
    '}  // namespace scmoe::signatures',
    '',
  ].join('\n');
}

function struct(name, args) {
  // Lengths and bounds are made of sizes and walks: those are read first. An array that follows another one comes last.
  const rankOf = ({ kind, sameAs, asLongAs }) =>
    !['array', 'arrays', 'sizes'].includes(kind) ? 0 : sameAs || asLongAs ? 2 : 1;
  const order = args.toSorted((a, b) => rankOf(a) - rankOf(b));
  const known = new Map();
  const lines = order.map((argument) => {
    const line = reader(argument, args.indexOf(argument), known);
    known.set(argument.name, argument);
    return line;
  });
  const names = args.map((a) => `"${a.name}"`).join(', ') || 'nullptr';
  return `
struct ${name} {
  static constexpr const char* kFunction = "${name}";
  static constexpr size_t kCount = ${args.length};
  static const char* const* names() {
    static const char* const all[] = {${names}};
    return all;
  }

${order.map((a) => `  ${member(a)};\n`).join('')}
  explicit ${name}([[maybe_unused]] const Call& call) {
${lines.map((line) => `    ${line}\n`).join('')}  }

  /// Puts each array where what it lies in is now.
  template <typename Places>
  void moveArrays([[maybe_unused]] const Places& places_) {
${order
  .flatMap(mover)
  .map((line) => `    ${line}\n`)
  .join('')}  }
};`;
}

function mover({ name, kind, ...a }) {
  if (kind === 'arrays') return [`for (auto& data : ${name}.data) data = moved(places_, data);`];
  if (kind !== 'array') return [];
  return [isOpen(a) ? `${name}.data = moved(places_, ${name}.data);` : `${name} = moved(places_, ${name});`];
}

function member({ name, kind, ...a }) {
  const constant = a.isWritten ? '' : 'const ';
  switch (kind) {
    case 'array':
      return isOpen(a)
        ? `AnyArray<${constant}void> ${name}`
        : `${constant}${typedArrays[a.dtypes[0]].cpp}* ${name} = nullptr`;
    case 'arrays':
      return `ArrayList<${constant}${typedArrays[a.dtypes[0]].cpp}> ${name}`;
    case 'choice':
      return `${enumOf(a.type)} ${name}{}`;
    case 'sizes':
      return `std::vector<int64_t> ${name}`;
    default:
      return {
        size: `int64_t ${name} = 0`,
        integer: `int64_t ${name} = 0`,
        number: `double ${name} = 0`,
        boolean: `bool ${name} = false`,
        text: `std::string ${name}`,
        texts: `std::vector<std::string> ${name}`,
        walk: `Strided<2> ${name}`,
        function: `napi_value ${name} = nullptr`,
      }[kind];
  }
}

const isOpen = ({ dtypes, sameAs }) => sameAs !== undefined || dtypes.length > 1;
const enumOf = (type) => `${enumNamespace[type] ?? ''}${type}`;

function reader({ name, kind, isOptional, ...a }, index, known) {
  const at = `${index}, "${name}"`;
  const length = (text) => expression(name, text, known);
  const bound = (text, fallback) => (text === undefined ? fallback : `(${length(text)}).value`);
  const read = () => {
    switch (kind) {
      case 'size':
        return `call.integer(${at}, ${bound(a.low, '0')}, ${bound(a.high, 'kMaxSize')})`;
      case 'integer':
        return `call.integer(${at}, ${a.low ?? '-9007199254740991'}, ${a.high ?? '9007199254740991'})`;
      case 'walk':
        return `readWalk(call, ${at})`;
      case 'sizes':
        return `call.sizes(${at}, ${a.count === '' ? '-1' : bound(a.count)})`;
      case 'choice': {
        const texts = a.choices.map((choice) => `"${choice}"`).join(', ');
        const values = a.choices.map((choice) => `${enumOf(a.type)}::${constantOf(choice)}`).join(', ');
        return (
          `[&] { static const char* const texts[] = {${texts}}; ` +
          `static const ${enumOf(a.type)} values[] = {${values}}; ` +
          `return values[call.choice(${at}, texts, ${a.choices.length})]; }()`
        );
      }
      case 'array': {
        const types = a.sameAs ? `{${a.sameAs}.type}` : `{${a.dtypes.map((d) => typedArrays[d].napi).join(', ')}}`;
        const rest = `${length(a.length)}, "${a.length}"`;
        if (!isOpen(a)) return `call.array<${typedArrays[a.dtypes[0]].cpp}>(${at}, ${types.slice(1, -1)}, ${rest})`;
        if (a.sameAs && !(known.get(a.sameAs)?.kind === 'array' && isOpen(known.get(a.sameAs))))
          throw new Error(`${name}: ${a.sameAs} is no array of several dtypes`);
        const any = `call.anyArray(${at}, ${types}, ${rest})`;
        return a.isWritten ? any : `constant(${any})`;
      }
      case 'arrays': {
        const { cpp, napi } = typedArrays[a.dtypes[0]];
        const lengths = a.asLongAs ? `&${a.asLongAs}.lengths` : 'nullptr';
        return `call.arrays<${a.isWritten ? '' : 'const '}${cpp}>(${at}, ${napi}, ${bound(a.count)}, ${lengths})`;
      }
      default:
        return `call.${kind}(${at})`;
    }
  };
  const assign = `${name} = ${read()};`;
  return isOptional ? `if (call.has(${index})) ${assign}` : assign;
}

/** `rows * d` as C++ that does not overflow. */
function expression(argument, text, known) {
  return text.replace(/[A-Za-z]\w*|\d+/g, (token) => {
    if (/^\d/.test(token)) return `Length{${token}}`;
    if (token === 'reach' || token === 'elements') return token;
    const kind = known.get(token)?.kind;
    if (kind === 'walk') return token;
    if (kind === 'size' && !known.get(token).isOptional) return `Length{${token}}`;
    throw new Error(`${argument}: '${text}' names ${token}, which is no size before it`);
  });
}

/** `gelu_tanh` as an enumerator: kGeluTanh. */
function constantOf(choice) {
  return `k${choice.replace(/(^|_)(\w)/g, (_, __, letter) => letter.toUpperCase())}`;
}

function write(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
