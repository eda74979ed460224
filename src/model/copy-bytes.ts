/** Up to so many bytes a loop is faster than a call into the runtime. */
const shortBytes = 100;

/** Copies from `start` to before `end` to `at` in the target, and gives where that ends. */
export function copyBytes(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
): number {
  const size = end - start;
  if (size > shortBytes) source.copy(target, at, start, end);
  else for (let i = 0; i < size; i += 1) target[at + i] = source[start + i] as number;
  return at + size;
}
