/** What a token is at an element, as a canvas takes it: `light-dark()` is known to elements alone. */
export function colourAt(element: Element, token: string): string {
  const probe = document.createElement('span');
  probe.style.color = token.startsWith('--') ? `var(${token})` : token;
  element.after(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
