// Our tokens as the component library's theme. Sizes are those of a dense tool; colours come from `tokens.css` alone.

import {
  ActionIcon,
  Badge,
  Button,
  Checkbox,
  createTheme,
  defaultVariantColorsResolver,
  Input,
  Modal,
  NativeSelect,
  SegmentedControl,
  Switch,
  type VariantColorsResolver,
} from '@mantine/core';
import { createElement } from 'react';
import { DownIcon } from './shell/icons';

/** `danger` and the accent in each of the variants that are used. */
const colours: VariantColorsResolver = (input) => {
  const danger = input.color === 'danger';
  const [main, soft] = danger
    ? ['var(--danger)', 'var(--danger-soft)']
    : ['var(--accent)', 'var(--accent-soft)'];
  const hover = `color-mix(in oklab, ${main} 88%, var(--ink))`;
  if (input.variant === 'filled') {
    const color = danger ? 'var(--paper)' : 'var(--on-accent)';
    return { background: main, hover, color, border: '1px solid transparent' };
  }
  if (input.variant === 'default') {
    return {
      background: 'var(--surface)',
      hover: 'var(--sunken)',
      color: danger ? main : 'var(--ink)',
      border: '1px solid var(--line-strong)',
    };
  }
  if (input.variant === 'subtle') {
    const color = danger ? main : 'var(--ink)';
    return { background: 'transparent', hover: 'var(--sunken)', color, border: '1px solid transparent' };
  }
  if (input.variant === 'light')
    return { background: soft, hover: soft, color: main, border: '1px solid transparent' };
  return defaultVariantColorsResolver(input);
};

const chevron = createElement(DownIcon);

export const theme = createTheme({
  variantColorResolver: colours,
  fontFamily: 'var(--sans)',
  fontFamilyMonospace: 'var(--mono)',
  defaultRadius: 8,
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Button: Button.extend({
      vars: () => ({
        root: { '--button-height': '34px', '--button-fz': '13.5px', '--button-padding-x': '13px' },
      }),
    }),
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'subtle', size: 34 } }),
    Input: Input.extend({
      vars: () => ({
        wrapper: { '--input-height': '34px', '--input-fz': '14px', '--input-padding': '10px' },
      }),
    }),
    NativeSelect: NativeSelect.extend({ defaultProps: { rightSection: chevron, rightSectionWidth: 28 } }),
    InputWrapper: { defaultProps: { inputWrapperOrder: ['label', 'description', 'input', 'error'] } },
    Badge: Badge.extend({ defaultProps: { variant: 'light', radius: 6 } }),
    Switch: Switch.extend({ defaultProps: { color: 'var(--accent)', size: 'sm' } }),
    Checkbox: Checkbox.extend({ defaultProps: { color: 'var(--accent)', size: 'xs' } }),
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: 'xs' } }),
    // Its lock of the page's scrolling writes a <style>, which the policy forbids.
    // Its <header> would be a second banner of the page.
    Modal: Modal.extend({
      defaultProps: {
        lockScroll: false,
        centered: true,
        radius: 12,
        attributes: { header: { role: 'none' } },
        // At once: while one fades, what it was about is gone already.
        transitionProps: { duration: 0 },
      },
    }),
  },
});
