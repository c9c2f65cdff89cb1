import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['widget/test/**/*.test.ts', 'pages/test/**/*.test.ts', 'console/src/**/*.test.ts'] },
});
