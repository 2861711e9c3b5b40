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
  button.onclick = onClick;
  return button;
}

/** Return the elements that a selector matches, in order. */
export const findAll = (selector: string, within: ParentNode = document): HTMLElement[] => [
  ...within.querySelectorAll<HTMLElement>(selector),
];

/** Set lengths of the style of an element, in pixels. */
export function place<Kind extends HTMLElement>(
  element: Kind,
  lengths: Partial<Record<"left" | "top" | "width" | "height", number>>,
): Kind {
  for (const [name, length] of Object.entries(lengths)) {
    element.style.setProperty(name, `${length}px`);
  }
  return element;
}

/** Make an element in whose text no line ends within times like "09:00-10:30". */
export function makeText(tag: "p" | "span" | "time", text: string, className = "") {
  const element = make(tag, "", className);
  const parts = text.split(/([\d:]{5,8}-[\d:]{5,8})/);
  element.append(
    ...parts.map((part, index) => (index % 2 ? make("span", part, "unbroken") : part)),
  );
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
  const all = findAll("main :is(a, button, input)");
  const label = labelOf(before);
  const same = before.isConnected ? before : all.find((control) => labelOf(control) === label);
  const part = before.closest(".card") ? "[aria-current]" : ".event";
  const next = same ?? findAll(part)[0] ?? find("later");
  next.focus({ preventScroll: true });
}

/** Show a message; page.css hides it after some seconds. */
export function notify(text: string): void {
  find("status").replaceChildren(make("span", text));
}

/** Return the first and the last of some texts, like "first to last", or one if they are equal. */
export const fromTo = (texts: string[]) => [...new Set([texts[0], texts.at(-1)])].join(" to ");

export const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

export const count = (number: number, noun: string) =>
  `${number} ${noun}${number === 1 ? "" : "s"}`;
