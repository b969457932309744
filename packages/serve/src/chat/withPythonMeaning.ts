/** A node of a template that was read: a type, and other nodes, lists and dicts of them, and plain values. */
interface Node {
  type: string;
  [field: string]: unknown;
}

/** Statements: every other node in a body is printed. */
const statements = new Set([
  'If',
  'For',
  'Set',
  'Macro',
  'Comment',
  'Break',
  'Continue',
  'FilterStatement',
  'CallStatement',
  'StringLiteral',
]);
const literals = new Set(['StringLiteral', 'IntegerLiteral', 'FloatLiteral']);
const strips = new Set(['strip', 'lstrip', 'rstrip']);
const filters: Readonly<Record<string, string>> = {
  capitalize: 'py_capitalize',
  count: 'py_length',
  length: 'py_length',
  title: 'py_title',
};

/**
 * Rewrites a template so that the JavaScript engine makes of it what Jinja2 makes: where both differ in silence, an operator, a
 * method or a filter becomes the call of a function of `pythonFunctions`. That is `strip` and its kin with an argument, lists and
 * dicts that are compared or printed, True, False and None as text, remainders of negative numbers, the length of a text, and
 * `.items()` of a dict that has an entry of that name. The nodes are changed in place.
 */
export function withPythonMeaning(program: object): void {
  visit(program as Node);
}

function visit(node: Node): Node {
  for (const [field, value] of Object.entries(node)) {
    if (Array.isArray(value)) {
      const isBody = field === 'body' || field === 'alternate' || field === 'defaultBlock';
      node[field] = value.map((each: unknown) => {
        if (!isNode(each)) return each;
        const visited = visit(each);
        return isBody && !statements.has(visited.type) ? asText(visited) : visited;
      });
    } else if (value instanceof Map) {
      node[field] = new Map([...value].map(([key, each]) => [key, isNode(each) ? visit(each) : (each as unknown)]));
    } else if (isNode(value)) {
      node[field] = visit(value);
    }
  }
  return rewritten(node);
}

/**
 * What is printed of an expression. A function gets bare values, without their type: 2 or 2.0, undefined or none. So numbers
 * print themselves, and none is asked for.
 */
function asText(node: Node): Node {
  if (literals.has(node.type)) return node;
  const text = call('py_text', node);
  if (node.type !== 'Identifier' && node.type !== 'MemberExpression') return text;
  const unlessNone = choice(is(node, 'none'), { type: 'StringLiteral', value: 'None' }, text);
  return choice(is(node, 'number'), node, unlessNone);
}

function is(operand: Node, test: string): Node {
  return { type: 'TestExpression', operand, negate: false, test: { type: 'Identifier', value: test } };
}

function choice(condition: Node, trueExpr: Node, falseExpr: Node): Node {
  return { type: 'Ternary', condition, trueExpr, falseExpr };
}

/** a == b. */
function equality(left: Node, right: Node): Node {
  if (isNone(right)) return is(left, 'none');
  return isNone(left) ? is(right, 'none') : call('py_equal', left, right);
}

function isNone({ type, value }: Node): boolean {
  return type === 'Identifier' && (value === 'none' || value === 'None');
}

function rewritten(node: Node): Node {
  if (node.type === 'CallExpression') return rewrittenCall(node);
  if (node.type === 'FilterExpression') {
    const name = (node['filter'] as Node)['value'] as string;
    return Object.hasOwn(filters, name) ? call(filters[name]!, node['operand'] as Node) : node;
  }
  if (node.type !== 'BinaryExpression') return node;
  const [left, right] = [node['left'] as Node, node['right'] as Node];
  switch ((node['operator'] as { value: string }).value) {
    case '==':
      return equality(left, right);
    case '!=':
      return { type: 'UnaryExpression', operator: { value: 'not' }, argument: equality(left, right) };
    case '%':
      return call('py_mod', left, right);
    case '~':
      return { ...node, left: asText(left), right: asText(right) };
    default:
      return node;
  }
}

/** A call of a method, `text.lstrip('\n')`, `dict.items()`, or of the function that the engine has another one of. */
function rewrittenCall(node: Node): Node {
  const callee = node['callee'] as Node;
  if (callee['value'] === 'strftime_now') return call('py_strftime', ...(node['args'] as Node[]));
  if (callee.type !== 'MemberExpression' || callee['computed'] === true) return node;
  const [object, name] = [callee['object'] as Node, (callee['property'] as Node)['value'] as string];
  const args = node['args'] as Node[];
  if (strips.has(name)) return call('py_strip', object, { type: 'StringLiteral', value: name }, ...args);
  if (name === 'items' && args.length === 0)
    return { type: 'FilterExpression', operand: object, filter: { type: 'Identifier', value: 'items' } };
  return node;
}

function call(name: string, ...args: Node[]): Node {
  return { type: 'CallExpression', callee: { type: 'Identifier', value: name }, args };
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}
