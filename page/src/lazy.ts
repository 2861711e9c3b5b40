// Cards and rows are filled when they come near the window, so that hundreds stay quick.

const FIRST = 10;

const toFill = new WeakMap<Element, () => void>();

const watcher = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) if (isIntersecting) fill(target);
  },
  { rootMargin: "400px" },
);

export const fillLater = (element: Element, act: () => void) => toFill.set(element, act);

export function fill(element: Element): void {
  toFill.get(element)?.();
  toFill.delete(element);
  watcher.unobserve(element);
}

/** Replace the children of an element, and fill the first of them now. */
export function replace(parent: Element, children: Element[]): void {
  parent.replaceChildren(...children);
  for (const child of children.slice(0, FIRST)) fill(child);
  for (const child of children.slice(FIRST)) watcher.observe(child);
}
