// Cards and rows are filled when they come near the window, so that hundreds stay quick.

const toFill = new WeakMap<Element, () => void>();

export const fillLater = (element: Element, act: () => void) => toFill.set(element, act);

export function fill(element: Element): void {
  toFill.get(element)?.();
  toFill.delete(element);
}

/** Replace the children of an element, and fill the first of them now. */
export function replace(parent: Element, children: Element[], first: number): void {
  parent.replaceChildren(...children);
  children.slice(0, first).forEach(fill);
}

// page.css has `content-visibility: auto` for what is filled later: the browser knows what is near.
addEventListener(
  "contentvisibilityautostatechange",
  // biome-ignore lint/suspicious/noExplicitAny: TypeScript does not know this event
  ({ skipped, target }: any) => skipped || fill(target),
  true,
);
