// How long the next read of a stream is put off. A walsender sends each change by itself as soon as it is
// decoded, and to be woken for each of them takes both sides longer than to decode it; the kernel gathers them.

/** What arrives so long after its commit is late, and a few milliseconds more are not noticed. */
const lateMs = 100;
/** Then it is throughput that counts: so long that changes stand in the socket, not on their way to it. */
const restWhenLateMs = 20;
const restWhenBusyMs = 4;

/** `ageMs`: from its commit to when what was read was sent. 0: somebody waits for more. */
export function restMs(ageMs: number, { anyIdle }: { readonly anyIdle: boolean }): number {
  if (ageMs > lateMs) return restWhenLateMs;
  return anyIdle ? 0 : restWhenBusyMs;
}
