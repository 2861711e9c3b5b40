import { count, find, findAll, make, makeButton, makeText, notify, sum } from "./dom.js";
import { fill, fillLater, replace } from "./lazy.js";
import {
  conflictsFound,
  type Entry,
  entries,
  nameOf,
  type Span,
  state,
  timesOf,
  timesShown,
  view,
} from "./model.js";
import { type Member, makeSteps, membersShown } from "./steps.js";
import { shortDay, spanText, timeOf } from "./times.js";
import type { Conflict, Seconds } from "./view.js";

const MEMBERS_SHOWN = 6;
const SPANS_DRAWN = 100;
const CHUNK = 10;

const conflictOfCard = new WeakMap<Element, Conflict>();

export const conflictOf = (element: Element | null) => element && conflictOfCard.get(element);
export const cards = () => findAll(".card");
export const cardOf = (conflict: Conflict | null): HTMLElement | undefined =>
  cards().find((card) => conflictOf(card) === conflict);
export const hashOf = ({ key }: Conflict) =>
  `#conflict=${key}${state.days && `&days=${state.days}`}`;

export function drawCards(): void {
  const shown = conflictsFound().filter(timesShown);
  const [times, all] = [sum(shown.map(timesShown)), sum(view.conflicts.map(timesOf))];
  const patterns = shown.length < times ? ` in ${count(shown.length, "pattern")}` : "";
  const some = times < all ? `${times} of ` : "";
  find("count").textContent = some + count(all, "conflict") + patterns;
  find("list").hidden = !view.conflicts.length;
  const starts = [...shown.keys()].filter((index) => index % CHUNK === 0);
  const chunks = starts.map((start) => makeChunk(shown.slice(start, start + CHUNK)));
  replace(find("cards"), chunks, 1);
  markChosen();
}

/** Make some cards that are filled together: a browser takes longer to watch hundreds of parts. */
function makeChunk(conflicts: Conflict[]): HTMLElement {
  const chunk = make("div", "", "chunk");
  chunk.role = "presentation";
  chunk.append(...conflicts.map(makeCard));
  fillLater(chunk, () => [...chunk.children].forEach(fill));
  return chunk;
}

export function markChosen(): void {
  for (const card of cards()) {
    const isChosen = conflictOf(card) === state.chosen;
    (card.querySelector("a") as Element).ariaCurrent = isChosen ? "true" : null;
  }
}

function whenOf({ overlaps, repeats }: Conflict): string {
  const [start, length] = overlaps[0];
  const others = overlaps.length > 1 ? ` and ${overlaps.length - 1} more` : "";
  return repeats?.text ?? spanText({ start, end: start + length }, "") + others;
}

/** Make a card with its heading; fill draws the rest. */
function makeCard(conflict: Conflict): HTMLElement {
  const when = whenOf(conflict);
  const link = make("a");
  link.href = hashOf(conflict);
  link.append(
    make("b", nameOf(conflict.calendar)),
    ` ${when} `,
    make("span", conflict.text, "lasts"),
  );
  const heading = make("h3");
  heading.append(link);
  const card = make("div", "", "card");
  card.role = "listitem";
  card.append(heading);
  conflictOfCard.set(card, conflict);
  fillLater(card, () => {
    link.childNodes[1].replaceWith(makeText("span", ` ${when} `));
    fillCard(card, conflict, when);
  });
  return card;
}

function fillCard(card: HTMLElement, conflict: Conflict, when: string): void {
  const copy = makeButton("Copy", () => copyText(textOf(conflict), copy));
  copy.ariaLabel = `Copy ${nameOf(conflict.calendar)}, ${when}`;
  const members = make("div", "", "members");
  const steps = makeSteps(conflict, () =>
    members.replaceChildren(...drawMembers(conflict, MEMBERS_SHOWN)),
  );
  const moves = movesOf(conflict).map((text) => makeText("p", text, "move"));
  card.append(copy, ...steps, members, ...moves);
}

function drawMembers(conflict: Conflict, most: number): HTMLElement[] {
  const members = membersShown(conflict).slice(0, most);
  const start = Math.min(...members.map(({ entry }) => entry.start));
  const end = Math.max(start + 1, ...members.map(({ entry }) => entry.end));
  const rows = members.flatMap((member) => drawMember(member, { start, end }));
  const more = conflict.members.length - most;
  if (more <= 0) return rows;
  const button = makeButton(`${more} more`, () => {
    const link = cardOf(conflict)?.querySelector("a");
    if (document.activeElement === button) link?.focus({ preventScroll: true });
    button.parentElement?.replaceChildren(...drawMembers(conflict, conflict.members.length));
  });
  return [...rows, button];
}

function drawMember({ entry, overlaps, shown }: Member, all: Span): HTMLElement[] {
  const bar = make("div", "", "member-bar");
  bar.append(placed(make("i"), entry, all));
  const first = Math.max(0, overlaps.indexOf(shown) - SPANS_DRAWN / 2);
  for (const overlap of overlaps.slice(first, first + SPANS_DRAWN)) {
    bar.append(placed(make("u", "", overlap === shown ? "shown" : ""), overlap, all));
  }
  const name = make("span", `${entry.name} `, "name");
  name.append(make("small", entry.place));
  return [makeText("time", timeOf(entry, shortDay(shown.start))), bar, name];
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
  const members = conflict.members
    .map((index) => entries[index])
    .map((entry) => `${timeOf(entry)}: ${entry.name} (${entry.place})`);
  const head = `${nameOf(conflict.calendar)}, ${whenOf(conflict)} (${conflict.text})`;
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
