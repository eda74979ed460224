// The names of everything that we create on a server. Slots and origins are shared by all
// databases of a cluster, so they carry the names from the user's file.

export function slotName(source: string): string {
  return `replicator_${source}`;
}

/** The copy that belongs to one target, while it cannot follow the stream of all; it keeps this name when that gets another. */
export function slotCopyName(source: string, target: string): string {
  return `replicator_${source}__${target}`;
}

/** The target that such a copy was made for; undefined for another slot. */
export function targetOfSlotCopy(source: string, slot: string): string | undefined {
  const prefix = slotCopyName(source, '');
  return slot.startsWith(prefix) ? slot.slice(prefix.length) : undefined;
}

export function publicationName(source: string): string {
  return `replicator_${source}`;
}

/** Lives on the target: what tags our writes there, so that they are not replicated again. */
export function originName(source: string, target: string): string {
  return `replicator_${source}__${target}`;
}

export function subscriptionName(subscription: { source: string; target: string }): string {
  return `${subscription.source}:${subscription.target}`;
}
