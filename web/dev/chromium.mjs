// The Chromium in which pages are looked at and tested, with a microphone that nobody has to allow.

import { chromium } from 'playwright-core';

/** `CHROMIUM` names another one than the system's. */
export function launch(...flags) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', ...flags],
  });
}

/** For pages that play without having been pressed first. */
export const AUTOPLAY = '--autoplay-policy=no-user-gesture-required';
