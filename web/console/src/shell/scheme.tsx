// Light, dark, or as the reader's system has it.

import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { MoonIcon, ScreenIcon, SunIcon } from './icons';

const NEXT = { auto: 'light', light: 'dark', dark: 'auto' } as const;
const NAMES = { auto: 'as the system', light: 'light', dark: 'dark' };

export function SchemeSwitch() {
  // It would stop all transitions by a <style> for a moment, which the policy forbids.
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const label = `Colours: ${NAMES[colorScheme]}. Change to ${NAMES[NEXT[colorScheme]]}`;
  return (
    <ActionIcon
      onClick={() => setColorScheme(NEXT[colorScheme])}
      aria-label={label}
      title={label}
      data-testid="scheme"
    >
      {colorScheme === 'auto' ? <ScreenIcon /> : colorScheme === 'light' ? <SunIcon /> : <MoonIcon />}
    </ActionIcon>
  );
}

export const useScheme = (): 'light' | 'dark' => useComputedColorScheme('light');
