// Keys and paths of the user's file as messages may show them. A key may be anything when the
// wrong file was named, a line of a password file for one; so only what looks like a name is shown.

/** Keys, and indexes of lists, from the root. */
export type Path = readonly PropertyKey[];

/** `databases.master_1.port`, `relgroups.all.tables[0]`. */
export function pathLabel(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${pathStep(String(step))}`))
    .join('')
    .slice(1);
}

export function nameLabel(name: string): string {
  return looksLikeName(name) ? `"${name}"` : '(not a name)';
}

export function looksLikeName(text: string): boolean {
  return /^[\w .-]{1,63}$/.test(text);
}

const pathStep = (name: string): string => (/^\w{1,63}$/.test(name) ? name : nameLabel(name));
