import { count, find, make, makeButton, notify } from "./dom.js";
import { fillLater, replace } from "./lazy.js";
import {
  conflictsShown,
  type Entry,
  entries,
  nameOf,
  type Span,
  state,
  timesOf,
  touches,
  view,
} from "./model.js";
import { lengthText, shortDay, spanText, timeOf } from "./times.js";
import type { Conflict, Seconds } from "./view.js";

const MEMBERS_SHOWN = 6;
const SPANS_DRAWN = 100;

const conflictOfCard = new WeakMap<Element, Conflict>();

export const conflictOf = (element: Element | null) => element && conflictOfCard.get(element);
export const cardOf = (conflict: Conflict | null): HTMLElement | undefined =>
  [...find("cards").children].find((card) => conflictOf(card) === conflict);
export const hashOf = (conflict: Conflict) => `#conflict=${encodeURIComponent(conflict.key)}`;

export function drawCards(): void {
  const shown = conflictsShown();
  const sum = (conflicts: Conflict[]) =>
    conflicts.reduce((total, conflict) => total + timesOf(conflict), 0);
  const [times, all] = [sum(shown), sum(view.conflicts)];
  const cards = shown.length < times ? ` in ${count(shown.length, "pattern")}` : "";
  find("count").textContent = (times < all ? `${times} of ` : "") + count(all, "conflict") + cards;
  find("list").hidden = !view.conflicts.length;
  replace(find("cards"), shown.map(makeCard));
  markChosen();
}

export function markChosen(): void {
  for (const card of find("cards").children) {
    const isChosen = conflictOf(card) === state.chosen;
    card.querySelector("a").ariaCurrent = isChosen ? "true" : null;
  }
}

function describe({ lasts, overlaps, gap, repeats }: Conflict) {
  const [start, length] = overlaps[0];
  const others = overlaps.length > 1 ? ` and ${overlaps.length - 1} more` : "";
  const depth = Math.max(...overlaps.map((overlap) => overlap[2]));
  const crowd = depth > 2 ? `, ${depth} at once` : "";
  const because = gap ? `, with a gap of ${lengthText(gap)}` : "";
  return {
    when: repeats?.text ?? spanText({ start, end: start + length }, "") + others,
    lasts: lengthText(lasts) + (repeats ? " each" : "") + crowd + because,
  };
}

/** Make a card with its heading; fill draws the rest. */
function makeCard(conflict: Conflict): HTMLElement {
  const { when, lasts } = describe(conflict);
  const link = make("a");
  link.href = hashOf(conflict);
  link.append(make("b", nameOf(conflict.calendar)), ` ${when} `, make("span", lasts, "lasts"));
  const heading = make("h3");
  heading.append(link);
  const card = make("li", "", "card");
  card.append(heading);
  conflictOfCard.set(card, conflict);
  fillLater(card, () => fillCard(card, conflict, when));
  return card;
}

function fillCard(card: HTMLElement, conflict: Conflict, when: string): void {
  const copy = makeButton("Copy", () => copyText(textOf(conflict), copy));
  copy.ariaLabel = `Copy ${nameOf(conflict.calendar)}, ${when}`;
  const members = make("div", "", "members");
  members.append(...drawMembers(conflict, MEMBERS_SHOWN));
  card.append(copy, members, ...movesOf(conflict).map((text) => make("p", text, "move")));
}

function drawMembers(conflict: Conflict, most: number): HTMLElement[] {
  const shown = conflict.members.slice(0, most).map((index) => entries[index]);
  const start = Math.min(...shown.map((entry) => entry.start));
  const end = Math.max(start + 1, ...shown.map((entry) => entry.end));
  const rows = shown.flatMap((entry) => drawMember(entry, conflict, { start, end }));
  const more = conflict.members.length - most;
  if (more <= 0) return rows;
  const button = makeButton(`${more} more`, () => {
    const link = cardOf(conflict)?.querySelector("a");
    if (document.activeElement === button) link?.focus({ preventScroll: true });
    button.parentElement?.replaceChildren(...drawMembers(conflict, conflict.members.length));
  });
  return [...rows, button];
}

function drawMember(entry: Entry, { overlaps }: Conflict, all: Span): HTMLElement[] {
  const bar = make("div", "", "member-bar");
  bar.append(placed(make("i"), entry, all));
  for (const [start, length, , members] of overlaps.slice(0, SPANS_DRAWN)) {
    const overlap = { start, end: start + length };
    const isPresent = members.length
      ? members.some((index) => entries[index] === entry)
      : touches(overlap, entry.start, entry.end);
    if (isPresent) bar.append(placed(make("u"), overlap, all));
  }
  const name = make("span", `${entry.name} `, "name");
  name.append(make("small", entry.place));
  return [make("time", timeOf(entry, shortDay(overlaps[0][0]))), bar, name];
}

function placed(element: HTMLElement, { start, end }: Span, all: Span): HTMLElement {
  const percent = (length: Seconds) => `${(100 * length) / (all.end - all.start)}%`;
  element.style.left = percent(start - all.start);
  element.style.width = percent(end - start);
  return element;
}

/** Return what to do about a conflict, a sentence for each event that can be moved. */
export function movesOf({ overlaps, repeats, suggestions = [] }: Conflict, only?: Entry): string[] {
  const known = shortDay(overlaps[0][0]);
  return suggestions
    .filter(({ event }) => !only || entries[event] === only)
    .map(({ event, slots, all }) => {
      const { name } = entries[event];
      if (!slots.length) return `No free time is near for ${name}.`;
      const times = slots.map(([start, length]) => spanText({ start, end: start + length }, known));
      const often = all ? `free on all ${repeats?.times}` : "free on the first";
      return `Move ${name} to ${times.join(" or ")}${repeats ? `, ${often}` : ""}`;
    });
}

function textOf(conflict: Conflict): string {
  const { when, lasts } = describe(conflict);
  const members = conflict.members
    .map((index) => entries[index])
    .map((entry) => `${timeOf(entry)}: ${entry.name} (${entry.place})`);
  const head = `${nameOf(conflict.calendar)}, ${when} (${lasts})`;
  const address = location.href.split("#")[0] + hashOf(conflict);
  return [head, ...members, ...movesOf(conflict), address].join("\n");
}

async function copyText(text: string, button: Element): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notify("Copied");
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 2_000);
  } catch {
    notify("Copying is not allowed");
  }
}
