// Elements without a framework, and the parts that all pages have.

import { pieces } from '../../console/src/inline';
import { Refused, signIn } from './api';

type Child = Node | string | null;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string>,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const id = <T extends HTMLElement>(name: string): T => {
  const element = document.getElementById(name);
  if (!element) throw new Error(`the page has no #${name}`);
  return element as T;
};

export function markNavigation(): void {
  const here = location.pathname.startsWith('/calls') ? '/calls' : '/';
  document.querySelector(`[data-nav="${here}"]`)?.setAttribute('aria-current', 'page');
}

const SIGN_IN =
  'Open the link that the server printed at its start: what follows its # signs one browser in, once; `foundry admin-link` prints another one. Or enter the token here; /docs/errors/OPERATOR_ONLY says where it is found.';

/** A message with its code as code and the pages that it names as links. */
export const linked = (text: string): Child[] =>
  pieces(text).map(({ kind, text: part }) => {
    if (kind === 'code') return h('code', {}, part);
    return kind === 'page' ? h('a', { href: part }, part) : part;
  });

/** The server writes its details to stand behind a colon. */
export const sentence = (detail: string): string =>
  detail.charAt(0).toUpperCase() + detail.slice(1) + (/(^|[.?!])$/.test(detail) ? '' : '.');

/** Says what went wrong and, where the operator must sign in, lets them; `tried` tells that what they entered was refused. */
export function problem(error: unknown, again: () => void, tried = false): HTMLElement {
  const refused =
    error instanceof Refused ? error : new Refused('PAGE_FAILED', 'This page failed', String(error));
  const attributes = { class: 'problem', 'data-testid': 'problem', 'data-code': refused.code };
  // Whose link was used is let in by the token, too.
  const closed = ['OPERATOR_ONLY', 'ADMIN_LINK_SPENT'].includes(refused.code);
  const what = linked(refused.code === 'OPERATOR_ONLY' ? SIGN_IN : sentence(refused.message));
  const box = h('div', attributes, h('strong', {}, refused.title), ...what);
  if (!closed) {
    box.append(h('p', {}, h('a', { href: `/docs/errors/${refused.code}` }, refused.code)));
    return box;
  }
  const input = h('input', { type: 'password', id: 'token', autocomplete: 'current-password' });
  const label = h('label', { for: 'token' }, "Operator's token");
  const form = h('form', {}, label, input, h('button', { type: 'submit' }, 'Sign in'));
  form.onsubmit = (event) => {
    event.preventDefault();
    signIn({ token: input.value }).then(again, (why: unknown) => {
      const next = problem(why, again, true);
      box.replaceWith(next);
      next.querySelector('input')?.focus();
    });
  };
  if (tried)
    form.append(h('p', { class: 'wrong', role: 'alert' }, ...linked(`Refused: ${refused.message}.`)));
  box.append(form);
  return box;
}
