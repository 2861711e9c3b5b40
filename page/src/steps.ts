// A card shows one overlap of its conflict and its repeats at a time; steps lead to the others.

import { find } from "./dom.js";
import { type Entry, entries, isInRange, overlapsOf, type Span, touches } from "./model.js";
import { spanText } from "./times.js";
import type { Conflict } from "./view.js";

/** An event of a card with its overlaps, and the overlap that the card shows. */
export interface Member {
  entry: Entry;
  overlaps: Span[];
  shown: Span;
}

/** The number of the overlap shown, by the key of its conflict: a view that replaces it keeps it. */
export const steps = new Map<string, number>();

function numberShown({ key }: Conflict, all: Span[]): number {
  const number = (steps.get(key) ?? 0) % all.length;
  return isInRange(all[number]) ? number : all.findIndex(isInRange);
}

export function overlapShown(conflict: Conflict): Span {
  const all = overlapsOf(conflict);
  return all[numberShown(conflict, all)];
}

/** Return the events at the time that is shown, first those that are present in the overlap. */
export function membersShown(conflict: Conflict): Member[] {
  const { gap = 0, members, overlaps, repeats } = conflict;
  const all = overlapsOf(conflict);
  const number = numberShown(conflict, all);
  const shown = all[number];
  const sameTime = repeats?.members[Math.floor(number / overlaps.length)] ?? members;
  const isPresent = ({ start, end }: Entry, overlap: Span) =>
    start === overlap.start || touches(overlap, start, end + gap);
  const isAt = ({ overlaps }: Member) => Number(overlaps.includes(shown));
  return sameTime
    .map((index) => entries[index])
    .map((entry) => ({ entry, shown, overlaps: all.filter((one) => isPresent(entry, one)) }))
    .sort((one, other) => isAt(other) - isAt(one));
}

/** Make the controls that show another overlap of the range of days; none if there is only one. */
export function makeSteps(conflict: Conflict, onStep: () => void): Element[] {
  const all = overlapsOf(conflict);
  const numbers = [...all.keys()].filter((number) => isInRange(all[number]));
  const controls = find("steps").content.firstElementChild.cloneNode(true);
  const [previous, text, next] = controls.children;
  const step = (by: number) => {
    const { length } = numbers;
    const at = (numbers.indexOf(numberShown(conflict, all)) + by + length) % length;
    steps.set(conflict.key, numbers[at]);
    text.textContent = `${at + 1} of ${length}: ${spanText(all[numbers[at]], "")}`;
    onStep();
  };
  previous.onclick = () => step(-1);
  next.onclick = () => step(1);
  step(0);
  return numbers.length > 1 ? [controls] : [];
}
