// What the environment says about colours: https://no-color.org, https://force-color.org

/** Undefined: nothing, so it depends on whether somebody looks. */
export function colourWish(env: NodeJS.ProcessEnv = process.env): boolean | undefined {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true;
  return env['TERM'] === 'dumb' ? false : undefined;
}
