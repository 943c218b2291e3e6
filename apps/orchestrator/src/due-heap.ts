// 5 react · which task is due next: a binary heap of instants; an entry that was scheduled anew is skipped when it comes up.
import type { InstantMs } from '#libs/kernel';

interface Slot<Item> {
  at: InstantMs;
  item: Item;
}

export class DueHeap<Item> {
  readonly #slots: Array<Slot<Item>> = [];

  get size(): number {
    return this.#slots.length;
  }

  peek(): InstantMs | null {
    return this.#slots[0]?.at ?? null;
  }

  push(at: InstantMs, item: Item): void {
    const slots = this.#slots;
    let index = slots.push({ at, item }) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (slots[parent]!.at <= at) break;
      swap(slots, index, parent);
      index = parent;
    }
  }

  /** Drops every slot that does not hold any more. */
  keepOnly(holds: (at: InstantMs, item: Item) => boolean): void {
    const kept = this.#slots.filter(({ at, item }) => holds(at, item));
    this.#slots.length = 0;
    for (const { at, item } of kept) this.push(at, item);
  }

  /** The earliest, if it is due by then. */
  pop(atMax: InstantMs): Slot<Item> | null {
    const slots = this.#slots;
    const first = slots[0];
    if (first === undefined || first.at > atMax) return null;
    const last = slots.pop()!;
    if (slots.length > 0) {
      slots[0] = last;
      sink(slots);
    }
    return first;
  }
}

function sink<Item>(slots: Array<Slot<Item>>): void {
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    const right = left + 1;
    let least = index;
    if (left < slots.length && slots[left]!.at < slots[least]!.at) least = left;
    if (right < slots.length && slots[right]!.at < slots[least]!.at) least = right;
    if (least === index) return;
    swap(slots, index, least);
    index = least;
  }
}

function swap<Item>(slots: Array<Slot<Item>>, a: number, b: number): void {
  const held = slots[a]!;
  slots[a] = slots[b]!;
  slots[b] = held;
}
