// The Chromium in which pages are looked at and tested, with a microphone that nobody has to allow.

import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

/** `CHROMIUM` names another one than the system's. */
export function launch(...flags) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? installed(),
    args: ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', ...flags],
  });
}

/** The first that is there; the scripts install the first of them. */
function installed() {
  const known = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable'];
  return known.find((path) => existsSync(path)) ?? known[0];
}

/** For pages that play without having been pressed first. */
export const AUTOPLAY = '--autoplay-policy=no-user-gesture-required';
