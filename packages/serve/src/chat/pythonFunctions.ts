/** A value as the engine hands it to a function: bare, and what is in lists and dicts wrapped. */
type Bare = unknown;

/** A value of the engine with its type: `IntegerValue`, `ArrayValue`. */
interface Wrapped {
  readonly type: string;
  readonly value: unknown;
}

/** What Python's `str.isspace` is true of. */
const space = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

/** Functions that mean in JavaScript what operators, methods and filters of a template mean in Jinja2, by their names there. */
export const pythonFunctions: Readonly<Record<string, (...values: Bare[]) => unknown>> = {
  py_strip: (text, sides, characters) => strip(textOf('strip', text), String(sides), characters),
  py_equal: (a, b) => isEqual(a, b),
  py_text: (value) => printed(value),
  py_mod: (a, b) => {
    if (typeof a !== 'number' || typeof b !== 'number') throw new Error('%: only numbers are supported');
    if (b === 0) throw new Error('%: division by zero');
    return a - b * Math.floor(a / b);
  },
  py_length: (value) => {
    if (typeof value === 'string') return [...value].length;
    if (Array.isArray(value)) return value.length;
    if (value instanceof Map) return value.size;
    // Jinja2's undefined is empty.
    if (value === undefined) return 0;
    throw new Error('length: expected a text, a list or a dict');
  },
  py_capitalize: (value) => capitalized(printed(value)),
  py_title: (value) =>
    printed(value)
      .split(/([-\s({[<]+)/)
      .map(capitalized)
      .join(''),
  py_strftime: (format) => formatTime(textOf('strftime_now', format), new Date()),
};

function textOf(name: string, value: Bare): string {
  if (typeof value === 'string') return value;
  throw new Error(`${name}: expected a text`);
}

function strip(text: string, sides: string, characters: Bare): string {
  if (characters !== undefined && characters !== null && typeof characters !== 'string')
    throw new Error('strip: expected a text of characters');
  const set = typeof characters === 'string' ? characters.replace(/[\\\]^-]/g, '\\$&') : space;
  if (set === '') return text;
  const left = sides === 'rstrip' ? text : text.replace(new RegExp(`^[${set}]+`, 'u'), '');
  if (sides === 'lstrip') return left;
  const isStripped = new RegExp(`^[${set}]$`, 'u');
  const points = [...left];
  while (points.length > 0 && isStripped.test(points.at(-1)!)) points.pop();
  return points.join('');
}

function capitalized(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** Whether two values are equal in Python: lists and dicts by what is in them, true and 1, but never 1 and '1'. */
function isEqual(a: Bare, b: Bare): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => isEqual(bareOf(item), bareOf(b[i])));
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && isEqual(bareOf(item), bareOf(b.get(key))));
  return numeric(a) === numeric(b);
}

const numeric = (value: Bare) => (typeof value === 'boolean' ? Number(value) : value);
const bareOf = (wrapped: unknown): Bare => (wrapped as Wrapped).value;

/** A value as Jinja2 prints it. */
function printed(value: Bare): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : written(value);
}

/** Python's `repr`. */
function written(value: Bare, type = ''): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return numberText(value, type);
  if (typeof value === 'string') return quoted(value);
  const item = (each: unknown) => written(bareOf(each), (each as Wrapped).type);
  if (Array.isArray(value)) return `[${value.map(item).join(', ')}]`;
  if (value instanceof Map)
    return `{${[...(value as Map<string, unknown>)].map(([key, each]) => `${quoted(key)}: ${item(each)}`).join(', ')}}`;
  throw new Error('expected a value that can be printed');
}

function numberText(value: number, type: string): string {
  if (type === 'FloatValue' && Number.isInteger(value) && Math.abs(value) < 1e16) return value.toFixed(1);
  // Python has two digits at least in an exponent.
  return String(value).replace(/e([-+])(\d)$/, 'e$10$2');
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };
  const escaped = [...text].map((character) => {
    if (character === quote) return `\\${character}`;
    if (named[character] !== undefined) return named[character];
    const code = character.codePointAt(0)!;
    return code < 32 || code === 127 ? `\\x${code.toString(16).padStart(2, '0')}` : character;
  });
  return quote + escaped.join('') + quote;
}

/** `strftime` of Python in the C locale. */
function formatTime(format: string, now: Date): string {
  const two = (value: number, fill = '0') => String(value).padStart(2, fill);
  const name = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-US', options).format(now);
  const dayOfYear = () =>
    Math.round(
      (Date.UTC(now.getFullYear(), now.getMonth(), now.getDate()) - Date.UTC(now.getFullYear(), 0, 0)) / 864e5,
    );
  const hour12 = () => now.getHours() % 12 || 12;
  const fields: Readonly<Record<string, () => string>> = {
    '%': () => '%',
    A: () => name({ weekday: 'long' }),
    a: () => name({ weekday: 'short' }),
    B: () => name({ month: 'long' }),
    b: () => name({ month: 'short' }),
    d: () => two(now.getDate()),
    e: () => two(now.getDate(), ' '),
    '-d': () => String(now.getDate()),
    H: () => two(now.getHours()),
    I: () => two(hour12()),
    '-I': () => String(hour12()),
    j: () => String(dayOfYear()).padStart(3, '0'),
    M: () => two(now.getMinutes()),
    m: () => two(now.getMonth() + 1),
    '-m': () => String(now.getMonth() + 1),
    p: () => (now.getHours() < 12 ? 'AM' : 'PM'),
    S: () => two(now.getSeconds()),
    Y: () => String(now.getFullYear()),
    y: () => two(now.getFullYear() % 100),
  };
  return format.replace(/%(-?.)/g, (whole, field: string) => {
    const found = fields[field];
    if (!found) throw new Error(`strftime_now: ${whole} is not supported`);
    return found();
  });
}
