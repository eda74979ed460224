// `${VAR}` in the values of the user's file, as Docker Compose spells it. Works on parsed scalars,
// never on raw text, so that what a variable holds can never become YAML.

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Interpolation {
  /** Without the references that are listed in `problems`. */
  readonly text: string;
  /** Whether anything came from outside of the file; if so, the text is not shown to anybody. */
  readonly fromEnvironment: boolean;
  readonly problems: readonly InterpolationProblem[];
}

interface InterpolationProblem {
  /** As far as it can be found in the file: `${NAME`. */
  readonly reference: string;
  /** Names the variable, never its value. */
  readonly message: string;
}

// In this order: `$$`, a reference that we know, the beginning of one that we do not.
const references =
  /\$\$|\$\{(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?<operator>[-?])(?<operand>(?:(?!\$\{)[^}])*))?\}|\$\{[^}]*/g;

/**
 * Replaces `${VAR}` (an error when unset), `${VAR:-default}` and `${VAR:?why}` (both: unset or
 * empty) and `$$` (a dollar sign). Any other `$` stays, and nothing is replaced twice.
 */
export function interpolate(text: string, env: Environment): Interpolation {
  let fromEnvironment = false;
  const problems: InterpolationProblem[] = [];
  const replaced = text.replace(references, (match, ...rest) => {
    if (match === '$$') return '$';
    fromEnvironment = true;
    const { name, operator, operand = '' } = rest.at(-1) as Record<string, string | undefined>;
    if (name === undefined) {
      // What follows is not shown: it may be a part of a password.
      const message = `a reference is written \${NAME}, \${NAME:-default} or \${NAME:?why}; write $\${ for a plain \${`;
      problems.push({ reference: '${', message });
      return '';
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (operator === '-') return value || operand;
    if (value !== undefined && (operator === undefined || value !== '')) return value;
    const state = value === undefined ? 'not set' : 'empty';
    const why = operator === undefined || operand === '' ? '' : `: ${operand}`;
    problems.push({
      reference: `\${${name}`,
      message: `the environment variable ${name} is ${state}${why}`,
    });
    return '';
  });
  return { text: replaced, fromEnvironment, problems };
}

/** Text that `interpolate` gives back as it is now. */
export function escapeReferences(text: string): string {
  return /\$[${]/.test(text) ? text.replaceAll('$', '$$$$') : text;
}
