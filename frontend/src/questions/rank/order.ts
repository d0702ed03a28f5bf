/** Places of completions: a number each, equal numbers tied. Pure. */

export interface Order {
  /** The place given to a completion, 1 the best; equal places are tied. */
  places: Record<string, number>;
  /** Left out of the order on purpose. */
  unranked: string[];
}

/** The placed ones in groups, best first; within a group as they were presented. */
export function groupsOf({ places }: Order, ids: readonly string[]): string[][] {
  const groups = new Map<number, string[]>();
  for (const id of ids) {
    const place = places[id];
    if (place !== undefined) groups.set(place, [...(groups.get(place) ?? []), id]);
  }
  return [...groups].sort(([x], [y]) => x - y).map(([, group]) => group);
}

/** Those that nobody has placed yet, as they were presented. */
export function waiting({ places, unranked }: Order, ids: readonly string[]): string[] {
  return ids.filter((id) => places[id] === undefined && !unranked.includes(id));
}

/** An order with its groups at places 1, 2, 3 and on. */
function numbered(groups: readonly string[][], unranked: string[]): Order {
  const places: Record<string, number> = {};
  groups
    .filter((group) => group.length > 0)
    .forEach((group, i) => group.forEach((id) => (places[id] = i + 1)));
  return { places, unranked };
}

const without = (list: readonly string[], id: string): string[] =>
  list.filter((each) => each !== id);

/** Give a completion a typed place: tied with who is there, or pushing them down. */
export function placed(
  order: Order,
  { id, place, ties }: { id: string; place: number; ties: boolean },
): Order {
  const { [id]: _, ...others } = order.places;
  const taken = Object.values(others).includes(place);
  const places: Record<string, number> = {};
  for (const [other, at] of Object.entries(others)) {
    places[other] = !ties && taken && at >= place ? at + 1 : at;
  }
  return { places: { ...places, [id]: place }, unranked: without(order.unranked, id) };
}

/** Leave a completion out of the order, or take it back among the waiting. */
export function leftOut(order: Order, id: string): Order {
  const { [id]: _, ...places } = order.places;
  const out = order.unranked.includes(id);
  return { places, unranked: out ? without(order.unranked, id) : [...order.unranked, id] };
}

/** Move a card one place up or down; out of a tie first. A waiting card joins last. */
export function shifted(
  order: Order,
  { id, by, ids }: { id: string; by: 1 | -1; ids: readonly string[] },
): Order {
  const groups = groupsOf(order, ids).map((group) => [...group]);
  const at = groups.findIndex((group) => group.includes(id));
  const unranked = without(order.unranked, id);
  if (at < 0) return numbered(by < 0 ? [...groups, [id]] : groups, by < 0 ? unranked : order.unranked);
  const group = groups[at]!;
  if (group.length > 1) {
    groups[at] = without(group, id);
    groups.splice(by < 0 ? at : at + 1, 0, [id]);
  } else {
    const other = groups[at + by];
    if (!other) return order;
    groups[at + by] = group;
    groups[at] = other;
  }
  return numbered(groups, unranked);
}

/** Tie a card with the one above it, or untie it. */
export function tied(order: Order, { id, ids }: { id: string; ids: readonly string[] }): Order {
  const groups = groupsOf(order, ids).map((group) => [...group]);
  const at = groups.findIndex((group) => group.includes(id));
  const unranked = without(order.unranked, id);
  if (at < 0) {
    const last = groups.pop() ?? [];
    return numbered([...groups, [...last, id]], unranked);
  }
  const group = groups[at]!;
  if (group.indexOf(id) > 0) {
    groups.splice(at, 1, without(group, id), [id]);
  } else if (at > 0) {
    groups.splice(at - 1, 2, [...groups[at - 1]!, ...group]);
  }
  return numbered(groups, unranked);
}

/** Drop a card where another lies: before it, in a place of its own. */
export function dropped(
  order: Order,
  { id, at, ids }: { id: string; at: number; ids: readonly string[] },
): Order {
  const groups = groupsOf(order, ids)
    .map((group) => without(group, id))
    .filter((group) => group.length > 0);
  groups.splice(Math.max(0, Math.min(groups.length, at)), 0, [id]);
  return numbered(groups, without(order.unranked, id));
}

/** The shown order of the waiting ones, on the person's own word. */
export function confirmed(order: Order, ids: readonly string[]): Order {
  const rest = waiting(order, ids).map((id) => [id]);
  return numbered([...groupsOf(order, ids), ...rest], order.unranked);
}
