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

/** Show a message; page.css hides it after some seconds. */
export function notify(text: string): void {
  find("status").replaceChildren(make("span", text));
}

/** Return like "first to last", or one of them if they are equal. */
export const fromTo = (first: string, last: string) => [...new Set([first, last])].join(" to ");

export const count = (number: number, noun: string) =>
  `${number} ${noun}${number === 1 ? "" : "s"}`;
