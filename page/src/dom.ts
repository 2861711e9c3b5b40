// Text of a view becomes textContent, never markup.

// biome-ignore lint/suspicious/noExplicitAny: the kind of each element is in page.html
export const find = (id: string): any => document.getElementById(id);

export const narrow = matchMedia("(max-width: 60rem)");

export function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

export function makeButton(text: string, onClick: () => void) {
  const button = make("button", text);
  button.type = "button";
  button.addEventListener("click", onClick);
  return button;
}

export function placeAt<Kind extends HTMLElement>(element: Kind, left: number): Kind {
  element.style.left = `${left}px`;
  return element;
}

// biome-ignore lint/suspicious/noExplicitAny: a link, a button or an input
const labelOf = (control: any) =>
  control.href ||
  (control.ariaLabel || control.value || control.textContent) +
    control.closest(".card")?.querySelector("a").href;

/** Draw, and give the focus back if what had it was moved or replaced. */
export function keepFocus(draw: () => void): void {
  const before = document.activeElement as HTMLElement;
  draw();
  if (document.activeElement !== document.body || before === document.body) return;
  const all = [...document.querySelectorAll<HTMLElement>("main :is(a, button, input)")];
  const label = labelOf(before);
  const same = before.isConnected ? before : all.find((control) => labelOf(control) === label);
  const part = before.closest(".card") ? "[aria-current]" : ".event";
  const next = same ?? document.querySelector<HTMLElement>(part) ?? find("text");
  next.focus({ preventScroll: true });
}

/** Show a message; page.css hides it after some seconds. */
export function notify(text: string): void {
  find("status").replaceChildren(make("span", text));
}

/** Return like "first to last", or one of them if they are equal. */
export const fromTo = (first: string, last: string) => [...new Set([first, last])].join(" to ");

export const count = (number: number, noun: string) =>
  `${number} ${noun}${number === 1 ? "" : "s"}`;
